"""The evals of others, after an attack: each must get its own answer, whatever the guest before did."""

from tests.local.problems import problem
from tests.local.running import RunningPool, result


def check_others(pool: RunningPool) -> None:
    """Code that needs nothing of what a guest may have overwritten."""
    for number in range(3):
        assert pool.eval(f"{number} + 1") == number + 1
        assert pool.eval("(async () => 42)()") == 42
        assert pool.eval("[1, {a: 'ünï\\u2028 🐈'}]") == [1, {"a": "ünï\u2028 🐈"}]
        assert pool.eval("let t: number = 5; t", language="typescript") == 5
        problem(pool.post("throw 'mine'"), "execution_error")
        problem(pool.post("(async () => { throw 'mine' })()"), "promise_rejection")
        problem(pool.post("10n"), "conversion_error")
        problem(pool.call("nowhere"), "unknown_function")
    answers = [pool.later(f"{number} * 2") for number in range(20)]
    assert [result(answer.result()) for answer in answers] == [number * 2 for number in range(20)]


def attack(pool: RunningPool, code: str) -> None:
    """Run `code`, which ends with a result or typed; then ask others."""
    answer = pool.post(code, timeoutMs=2000)
    if answer.status_code != 200:
        problem(answer, answer.json()["name"], answer.json()["fault"])
    check_others(pool)
