"""Python runs this at every start of a process that has this folder on its PYTHONPATH.

It adds the job kinds of the chaos run to canfuse's own, in the service, the workers and the jobs'
processes alike, so that nothing of them has to be in the product.
"""

from pathlib import Path

import ml.pipelines

ml.pipelines.__path__.append(str(Path(__file__).parent.parent / "kinds"))
