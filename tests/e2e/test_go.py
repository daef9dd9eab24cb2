#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Go's net/http: it reads the next request while it still writes the response."""
import lib
from servers import go
from test_node import exercise


def test_go(env):
    exercise(env, go(env, "e2e-go"))


if __name__ == "__main__":
    lib.main(globals())
