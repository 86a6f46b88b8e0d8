"""What another server tells of its pool: its answer to `GET /v1/pool`, as far as a proxy reads it."""

import msgspec

from tyrex_pool.pool.view import SlotState


class RuntimeReport(msgspec.Struct, frozen=True, rename="camel"):
    capacity: int
    epoch: int
    state: str = SlotState.STARTING.value
    reason: str | None = None


class QueueReport(msgspec.Struct, frozen=True):
    length: int


class Report(msgspec.Struct, frozen=True, rename="camel"):
    ready: bool
    in_flight: int
    queued: int
    runtimes: list[RuntimeReport]
    queue: QueueReport | None = None
    last_error: dict[str, str] | None = None

    @property
    def serving(self) -> bool:
        return self.ready and bool(self.runtimes)

    @property
    def capacity(self) -> int:
        return sum(runtime.capacity for runtime in self.runtimes)

    @property
    def epoch(self) -> int:
        return max(runtime.epoch for runtime in self.runtimes)

    @property
    def trouble(self) -> tuple[SlotState, str]:
        """Why it is not ready, as the state and the reason that a runtime of ours has."""
        failed = [runtime for runtime in self.runtimes if runtime.state == SlotState.FAILED.value]
        if failed:
            return SlotState.FAILED, failed[0].reason or "its isolate does not start"
        return SlotState.STARTING, "it is starting"


decode_report = msgspec.json.Decoder(Report).decode
