"""What counts as a trace: the cases of the standard (W3C Trace Context, `traceparent`)."""

import pytest

from tyrex_pool.model.trace_context import accepted, span_id, trace_id

ID = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACE = f"00-{ID}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        pytest.param(TRACE, TRACE, id="sampled"),
        pytest.param(f"00-{ID}-{SPAN}-00", f"00-{ID}-{SPAN}-00", id="not sampled"),
        pytest.param(f"00-{ID}-{SPAN}-ff", f"00-{ID}-{SPAN}-ff", id="flags that nobody knows"),
        pytest.param(f"01-{ID}-{SPAN}-01", TRACE, id="a later version"),
        pytest.param(f"cc-{ID}-{SPAN}-01-what=ever", TRACE, id="a later version that says more"),
        pytest.param("", "", id="nothing"),
        pytest.param(f"ff-{ID}-{SPAN}-01", "", id="the version that is none"),
        pytest.param(f"00-{ID}-{SPAN}-01-", "", id="a dash too much"),
        pytest.param(f"00-{ID}-{SPAN}-01-more", "", id="more than version 00 says"),
        pytest.param(f"01-{ID}-{SPAN}-01more", "", id="more without a dash"),
        pytest.param(f"00-{ID.upper()}-{SPAN}-01", "", id="capitals"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", "", id="no trace id"),
        pytest.param(f"00-{ID}-{'0' * 16}-01", "", id="no span id"),
        pytest.param(f"00-{ID[1:]}-{SPAN}-01", "", id="a short trace id"),
        pytest.param(f"00-{ID}-{SPAN}1-01", "", id="a long span id"),
        pytest.param(f"00-{ID}-{SPAN}-1", "", id="short flags"),
        pytest.param(f"00-{ID}-{SPAN}", "", id="no flags"),
        pytest.param(f"0-{ID}-{SPAN}-01", "", id="a short version"),
        pytest.param(f"00-{ID}-{SPAN}-01,{TRACE}", "", id="two of them"),
        pytest.param(f"00-{ID}-{SPAN}-01\n", "", id="the end of a line"),
        pytest.param(f"00-{'é' * 16}-{SPAN}-01", "", id="not ASCII"),
    ],
)
def test_accepted(header: str, trace: str) -> None:
    assert accepted(header.encode()) == trace.encode()


def test_ids() -> None:
    assert (trace_id(TRACE.encode()), span_id(TRACE.encode())) == (ID, SPAN)
