"""Whatever the gateway can say to a desk by a code has words in both languages of the console."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import splitter
from splitter.calls.peers.capability import FAILED, REFUSED, UNSUPPORTED, WITHDRAWN
from splitter.calls.states import CallState, Lack, PartyState, VideoState
from splitter.web.pages import STATIC

PACKAGE = Path(splitter.__file__).parent
CONSOLE, GUEST, SDK = (STATIC / name for name in ("console", "guest", "sdk"))
_REFUSALS = {"ApiError": 1, "Denial": 1, "deny": 1, "DenyAsk": 2}  # which argument is the code
_NAMED: dict[str, set[str]] = {"UNSUPPORTED": {UNSUPPORTED}}
_COMPUTED: dict[str, set[str]] = {
    "lack.code": {str(lack) for lack in Lack},
    "view.state": {str(state) for state in VideoState if state is not VideoState.OFF},
    "f'video-{outcome}'": {
        f"video-{word}" for word in ("accepted", "no-answer", FAILED, REFUSED, UNSUPPORTED, WITHDRAWN)
    },
}
_SDK_ERROR = re.compile(r'new SplitterError\([\w.]+, "([a-z0-9-]+)"|troubleError\("([a-z0-9-]+)"')
_OF_CALLERS = "callers/"  # what web callers are told has its words on their own page
_UNSHOWN = {
    "closed",
    "lost",
    "no-path",
    "no-restart",
    "removed",
    "share-refused",
}  # of the SDK; the console says these otherwise


def texts(language: str) -> dict[str, str]:
    """All that the console says in "english" or "chinese", by key."""
    return dict(re.findall(r'(?m)^  "([^"]+)": "(.*)",$', (CONSOLE / f"{language}.js").read_text()))


def same() -> dict[str, str]:
    """Codes that have the words of another one."""
    (block,) = re.findall(r"(?s)export const SAME = \{(.*?)\};", (CONSOLE / "texts.js").read_text())
    return dict(re.findall(r'"([^"]+)": "([^"]+)"', block))


def constants(node: ast.expr, names: dict[str, set[str]]) -> set[str]:
    """The strings that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=other):
            return constants(body, names) | constants(other, names)
        case ast.Name(id=name):
            return names.get(str(name)) or _NAMED.get(str(name), set())
    return _COMPUTED.get(ast.unparse(node), set())


@cache
def modules(folder: str) -> list[tuple[str, list[ast.AST]]]:
    """Those of a folder of the package, by file: what is assigned and called in each."""
    files = [
        (f"{path.parent.name}/{path.name}", ast.walk(ast.parse(path.read_text())))
        for path in sorted((PACKAGE / folder).rglob("*.py"))
    ]
    return [(name, [node for node in nodes if isinstance(node, ast.Assign | ast.Call)]) for name, nodes in files]


def said(arguments: dict[str, int], folder: str) -> Iterator[tuple[str, set[str]]]:
    """Each place of the package where a code is said: where, and which ones it may be."""
    for file, nodes in modules(folder):
        names: dict[str, set[str]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names.setdefault(node.targets[0].id, set()).update(constants(node.value, {}))
        for node in nodes:
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in arguments and len(node.args) > arguments[called]:
                code = node.args[arguments[called]]
                if not re.search(r"\.code$|^code$", text := ast.unparse(code)) or constants(code, names):
                    yield f"{file}:{node.lineno}: {text}", constants(code, names)


@pytest.fixture(scope="module", params=["english", "chinese"])
def words(request: pytest.FixtureRequest) -> dict[str, str]:
    """One language."""
    return texts(str(request.param))


@cache
def refusals() -> list[tuple[str, set[str]]]:
    """Of the API, and of the SDK itself."""
    found = [*said(_REFUSALS, "web"), *said(_REFUSALS, "calls")]
    found = [(where, codes) for where, codes in found if not where.startswith(_OF_CALLERS)]
    for path in sorted(SDK.glob("*.js")):
        codes = {code or trouble for code, trouble in _SDK_ERROR.findall(path.read_text())}
        found += [(path.name, codes - _UNSHOWN)] if codes - _UNSHOWN else []
    return found


class TestCodes:
    def test_of_refusals_have_words(self, words: dict[str, str]) -> None:
        found, alike = refusals(), same()
        assert len(found) > 60 and {"not-admitted", "wrong-login", "overload", "on"} <= set().union(
            *dict(found).values()
        )
        missing = {code for _, codes in found for code in codes if f"error.{alike.get(code, code)}" not in words}
        assert not missing

    def test_of_notices_have_words(self, words: dict[str, str]) -> None:
        found = [*said({"Notify": 0}, "calls")]
        assert len(found) > 20
        missing = {code for _, codes in found for code in codes if f"notice.{code}" not in words}
        assert not missing

    def test_are_all_found(self) -> None:
        """One that is computed has to be told to this test."""
        unknown = [where for where, codes in (*refusals(), *said({"Notify": 0}, "calls")) if not codes]
        assert not unknown

    def test_of_states_have_words(self, words: dict[str, str]) -> None:
        keys = {f"call.state.{state}" for state in CallState} | {f"party.{state}" for state in PartyState}
        assert keys <= set(words)


class TestLanguages:
    def test_say_the_same(self) -> None:
        english, chinese = texts("english"), texts("chinese")
        assert list(english) == list(chinese) and len(english) > 300
        for key, text in english.items():
            values = set(re.findall(r"\{(\w+)\}", text))
            assert values == set(re.findall(r"\{(\w+)\}", chinese[key])), key

    def test_of_the_guest_say_the_same(self) -> None:
        blocks = re.findall(r"(?s)const \w\w = \{\n(.*?)\n\};", (GUEST / "texts.js").read_text())
        english, chinese = (re.findall(r'(?m)^  ("?[\w.-]+"?):', block) for block in blocks)
        assert english == chinese and len(english) > 40

    def test_of_web_callers_say_the_same(self) -> None:
        blocks = re.findall(r"(?s)const \w\w = \{\n(.*?)\n\};", (STATIC / "call" / "texts.js").read_text())
        english, chinese = (re.findall(r'(?m)^  ("?[\w.-]+"?):', block) for block in blocks)
        assert english == chinese and len(english) > 40

    def test_of_web_callers_have_words_for_how_calls_end_and_fail(self) -> None:
        page = (STATIC / "call" / "texts.js").read_text()
        for reason in ("hung-up", "busy", "no-answer", "refused", "no-such-number", "unreachable", "no-path", "lost"):
            assert page.count(f'"ended.{reason}"') == 2, reason
        for code in ("no-token", "expired-token", "wrong-captcha", "no-such-number", "too-many-calls", "no-webrtc"):
            assert page.count(f'"error.{code}"') == 2, code

    def test_chinese_is_chinese(self) -> None:
        foreign = {"language.other", "now.image.why", "fact.none"}
        latin = [key for key, text in texts("chinese").items() if not re.search(r"[\u4e00-\u9fff]", text)]
        assert set(latin) <= foreign | {"sentence.end", "sentence.gap"}

    def test_use_the_words_of_the_house(self, words: dict[str, str]) -> None:
        """video, image, screenshot, waiting picture: no other "picture", and no "slate"."""
        for key, text in words.items():
            rest = text.lower().replace("waiting picture", "").replace("等待画面", "").replace("屏幕截图", "")
            assert not re.search(r"picture|slate|still picture|take out|taken out|seat\b|画面|截图", rest), (key, text)
