"""The native form, where it was built, and the loop of the worker."""

from __future__ import annotations

import pytest

from splitter.media.fast.form import choose_form
from splitter.media.fast.native import NativeForm
from tests.media.wire.conftest import runner

__all__ = ["native", "runner"]


@pytest.fixture(scope="session")
def native() -> NativeForm:
    """The library; tests are skipped where there is no compiler."""
    form = choose_form()
    if not isinstance(form, NativeForm):
        pytest.skip(f"no native form: {form.reason}")
    return form
