"""Which objects a list or a watch is about."""


def selectors(labels: str | None, fields: str | None) -> dict[str, str]:
    """The query of a list or a watch of objects with these labels and fields; None: any."""
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {name: value for name, value in given.items() if value is not None}
