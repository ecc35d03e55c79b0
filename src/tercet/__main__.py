"""`python -m tercet` is `tercet`.

Does        hands over to the command line.
Does not    do anything else.
Spec        docs/tour.md
Always      1. One way in.
Read first  cli.py
"""

from tercet.cli import main

main()
