"""A store of the kind of S3 that recordings are moved to, by boto3 ([0045]). Does I/O, and blocks.

boto3 is imported with the first store: whoever has none needs it not.
[0045]: docs/decisions/0045-sealed-recordings.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from splitter.core.errors import LocalError
from splitter.media.record.place import StorePlace, bucket_and_folder

_PART_BYTES = 8 << 20
_WINDOW_BYTES = 1 << 20
_CONNECT_S, _READ_S = 5, 30


class StoreFault(LocalError):
    """A store that does not do what it is asked."""


class RecordingStore(Protocol):
    """Files by their paths. Everything raises StoreFault where the store does not do it."""

    def put(self, path: str, file: Path) -> None:
        """Store a file."""
        ...

    def size(self, path: str) -> int | None:
        """Bytes of a stored file; None where there is none."""
        ...

    def read(self, path: str, at: int, length: int) -> bytes:
        """Bytes of a stored file, from a place on."""
        ...

    def remove(self, path: str) -> None:
        """Remove a stored file; one that is not there is no error."""
        ...

    def paths(self) -> Iterator[str]:
        """List all that are stored."""
        ...


def open_store(place: StorePlace) -> RecordingStore | None:
    """The store of this place; None where there is none. Raises LocalError."""
    return S3Store(place) if place.url else None


@cache
def _descriptions() -> Any:
    """The descriptions of services that boto3 has: read once, as each reading takes a tenth of a second."""
    import botocore.loaders

    return botocore.loaders.create_loader()


class S3Store:
    """A bucket, or a folder in it. As `RecordingStore`.

    Raises:
        LocalError: boto3 is not there, or the place is none.
    """

    def __init__(self, place: StorePlace) -> None:
        try:
            import boto3.s3.transfer
            import botocore.config
            import botocore.exceptions
            import botocore.session
        except ImportError as error:
            raise LocalError(
                f"recordings need boto3 for their store: pip install 'splitter-gateway[s3]' ({error})"
            ) from error
        self._bucket, folder = bucket_and_folder(place.url)
        self._prefix = f"{folder.strip('/')}/" if folder else ""
        self._faults = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError)
        session = botocore.session.Session()
        session.register_component("data_loader", _descriptions())
        if place.credentials:
            session.set_config_variable("credentials_file", place.credentials)
        config = botocore.config.Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"total_max_attempts": 2, "mode": "standard"},
            # What others than Amazon do not know is not asked of them; each file is read back and hashed instead.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            self._client: Any = boto3.Session(botocore_session=session).client(
                "s3", region_name=place.region or None, endpoint_url=place.endpoint or None, config=config
            )
        except (*self._faults, ValueError) as error:
            raise LocalError(f"the store of recordings: {error}") from error
        self._transfer = boto3.s3.transfer.TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=2
        )

    def put(self, path: str, file: Path) -> None:
        self._do(lambda: self._client.upload_file(str(file), self._bucket, self._prefix + path, Config=self._transfer))

    def size(self, path: str) -> int | None:
        try:
            found = self._do(lambda: self._client.head_object(Bucket=self._bucket, Key=self._prefix + path))
        except _Missing:
            return None
        return int(found["ContentLength"])

    def read(self, path: str, at: int, length: int) -> bytes:
        if length <= 0:
            return b""
        span = f"bytes={at}-{at + length - 1}"

        def get() -> bytes:
            got = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path, Range=span)
            return bytes(got["Body"].read(length + 1))

        found = bytes(self._do(get))
        if len(found) > length:
            raise StoreFault("the store of recordings gives whole files where it was asked for a range")
        return found

    def remove(self, path: str) -> None:
        self._do(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._prefix + path))

    def paths(self) -> Iterator[str]:
        token = ""
        while True:
            asked = {"Bucket": self._bucket, "Prefix": self._prefix, **({"ContinuationToken": token} if token else {})}
            page = self._do(lambda asked=asked: self._client.list_objects_v2(**asked))  # type: ignore[misc]
            for one in page.get("Contents", ()):
                yield one["Key"].removeprefix(self._prefix)
            if not page.get("IsTruncated"):
                return
            before, token = token, page.get("NextContinuationToken", "")
            if token in ("", before):
                raise StoreFault("the store of recordings does not say where its list goes on")

    def _do(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except self._faults as error:
            answer = getattr(error, "response", {})
            code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
            if code in ("404", "NoSuchKey"):
                raise _Missing(f"it is not there: {error}") from error
            raise StoreFault(f"the store of recordings: {error}") from error
        except Exception as error:  # of boto3's transfer, whose faults have no tree
            raise StoreFault(f"the store of recordings: {type(error).__name__}: {error}") from error


class _Missing(StoreFault):
    """A file that is not stored."""


class StoredSource:
    """A stored file, read in windows.

    Raises:
        FileNotFoundError: it is not there.
        StoreFault: the store does not answer.
    """

    def __init__(self, store: RecordingStore, path: str) -> None:
        size = store.size(path)
        if size is None:
            raise FileNotFoundError(2, "it is not in the store", path)
        self.size = size
        self._store, self._path = store, path
        self._at, self._window = 0, b""

    def read(self, at: int, length: int) -> bytes:
        """Bytes from a place on."""
        end = min(self.size, at + length)
        if not self._at <= at or end > self._at + len(self._window):
            wanted = max(_WINDOW_BYTES, end - at)
            self._at, self._window = at, self._store.read(self._path, at, min(wanted, self.size - at))
        return self._window[at - self._at : end - self._at]

    def close(self) -> None:
        """Let go of what was read."""
        self._window = b""
