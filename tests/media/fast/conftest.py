"""The native form, where it was built."""

from __future__ import annotations

import pytest

from splitter.media.fast.form import choose_form
from splitter.media.fast.native import NativeForm


@pytest.fixture(scope="session")
def native() -> NativeForm:
    """The library; tests are skipped where there is no compiler."""
    form = choose_form()
    if not isinstance(form, NativeForm):
        pytest.skip(f"no native form: {form.reason}")
    return form
