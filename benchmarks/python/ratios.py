"""The arithmetic of a comparison of two builds: turns, medians, ratios, and what is over a limit."""

import statistics

MEASURES = ("time", "cpu", "instructions", "planner_cpu", "planner_instructions")


def turns(repeat):
    """The order of the two builds in each round: there and back, so that neither drift nor being first favours one.

    Whoever is first may be a fifth faster for calls of 0.2 ms, and an odd number of rounds would give that to one.
    """
    return [(0, 1, 1, 0) if i % 2 == 0 else (1, 0, 0, 1) for i in range(repeat)]


def mean(samples):
    """Of measures by name, each None when it is unknown in any sample."""
    columns = {measure: [one[measure] for one in samples] for measure in samples[0]}
    return {measure: None if None in values else statistics.fmean(values) for measure, values in columns.items()}


def median(values):
    """None when any of them is unknown."""
    return None if not values or None in values else statistics.median(values)


def ratio(a, b):
    """b / a.  None when one is unknown or nothing was spent on either side; infinite when only B spent something."""
    if a is None or b is None or a == b == 0:
        return None
    return b / a if a else float("inf")


def row(name, samples_a, samples_b):
    """Medians of both builds' samples, {measure: value} each, and the ratios of the medians."""
    found = {"workload": name}
    for measure in MEASURES:
        a, b = (median([sample.get(measure) for sample in samples]) for samples in (samples_a, samples_b))
        found[measure] = {"a": a, "b": b, "ratio": ratio(a, b)}
    return found


def exceeded(rows, limits):
    """What is over its limit, as (workload, measure, ratio, limit); `limits` is {measure: ratio}."""
    return [
        (row["workload"], measure, row[measure]["ratio"], limit)
        for row in rows
        for measure, limit in limits.items()
        if row[measure]["ratio"] is not None and row[measure]["ratio"] > limit
    ]


def limits(time, instructions, counted):
    """Of each measure.  Where instructions were not counted the processor's time stands in for them; as it is no
    steadier than time is, it has time's limit."""
    return {"time": time, **({"instructions": instructions} if counted else {"cpu": time})}
