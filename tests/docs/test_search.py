"""The browser's half of the site's search: what it asks the index for, run by Node."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.docs.samples import DOCS
from tests.patience import patient

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # Node is a peer; and it needs what builds the site

# Pages by the pairs that are on them: a number alone where it is one page, as Sphinx writes it.
INDEX = {
    "terms": {
        "证书": [1, 2, 3],
        "书到": 3,
        "到期": [1, 3, 4],
        "防火": [1, 2],
        "火墙": [1, 2],
        "链接": [5, 6],
        "有效": [2, 6],
    },
    "titleterms": {"证书": 1, "排空": [7]},
}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("trunk srtp_suites", ["trunk", "srtp_suites"]),
        ("防火墙", ["防火", "火墙"]),
        ("证书到期", ["证书", "到期"]),  # "书到" is where two words meet
        ("链接有效期", ["链接", "有效"]),  # nothing has "接有" and "效期"
        ("有效排空", ["有效"]),  # no page has both: something near
        ("排空 drain", ["排空", "drain"]),
        ("书", ["书"]),
        ("桌椅板", ["桌椅", "椅板"]),  # nowhere: found is nothing, instead of everything
    ],
)
def test_asks_for(typed: str, asked: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "site"))
        code = __import__("site_search").SearchBoth.js_splitter_code
    script = f"const Search = {{_index: {json.dumps(INDEX)}}};{code}console.log(JSON.stringify(splitQuery({json.dumps(typed)})))"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=patient(30), check=True)
    assert json.loads(done.stdout) == asked
