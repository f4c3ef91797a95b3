"""`python -m tests.conformance [FOLDER|FILE ...]`: run test cases, by default the published ones, and say how many pass."""

import sys

from tests.conformance.adapter import FAILED, PASSED, PUBLISHED, read_cases, run, summary


def main(paths):
    """Print what did not pass and the summary; 1 if a case failed."""
    outcomes = []
    for case in read_cases(*(paths or [PUBLISHED])):
        outcome, reason = run(case)
        outcomes.append((case.process_id, outcome))
        if outcome != PASSED:
            print(f"{case.id} {outcome}: {reason}")
    print(summary(outcomes))
    return int(any(outcome == FAILED for _, outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
