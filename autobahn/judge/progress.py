"""Runs the command line of kosoku as it is and prints a line when a case begins or ends.

kosoku itself is silent until the whole run is over. The hooks below only look on: a case's own
methods are called first and with their own arguments, so no verdict changes.
"""

import sys

from kosoku import _cli
from kosoku.cases import CASES


def announced(word, case_id, method):
    def hook(self, *args):
        if word == "began":
            report(word, case_id)
        method(self, *args)
        if word == "ended":
            report(word, case_id)

    return hook


def report(word, case_id):
    sys.stdout.write(f"{word} {case_id}\n")
    sys.stdout.flush()


# Some cases inherit from others: read every method before the first is replaced.
methods = [(case_id, case, case.onOpen, case.onConnectionLost) for case_id, case in CASES.items()]
for case_id, case, on_open, on_lost in methods:
    case.onOpen = announced("began", case_id, on_open)
    case.onConnectionLost = announced("ended", case_id, on_lost)

_cli.main()
