"""``python -m paripassu`` is the command line."""

import sys

from paripassu.cli import main

sys.exit(main())
