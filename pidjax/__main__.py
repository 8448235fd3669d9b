"""``python -m pidjax``."""

import sys

from pidjax.cli import main

sys.exit(main())
