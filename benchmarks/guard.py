"""Whether instruction counts have moved away from benchmarks/results.json."""

from measuring import compiled, fingerprint, instructions

PERCENT = 1
"""A change by more than this has to be stored, in the commit that causes it."""


def verdict(row, stored, counted):
    """What is to be done about a count, in one sentence; None where it is as it was."""
    change = counted - stored
    if 100 * abs(change) <= PERCENT * stored:
        return None
    percent = f"{100 * change / stored:+.1f} %"
    what = f"{' '.join(row)}: {stored:,} -> {counted:,} instructions ({percent})"
    command = (
        f"python benchmarks/all.py --models {row.model} --cores {row.core} "
        f"--kernels {row.kernels} --objectives {row.objective}"
    )
    if change > 0:
        return f"{what}; make it as fast as it was, or store that it is slower: {command}"
    return f"{what}; store that it is faster: {command}"


def moved(stored):
    """The verdicts on some rows of the results that are not as they were."""
    counts = {}
    for row, figures in stored.items():
        network = compiled(row)
        key = fingerprint(network)
        if key not in counts:
            counts[key] = instructions(network)[0]
        sentence = verdict(row, figures["instructions"], counts[key])
        if sentence is not None:
            yield sentence
