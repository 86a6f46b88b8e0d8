"""`python -m tyrex_pool`: the command line."""

import sys

from tyrex_pool.cli.main import main

sys.exit(main())
