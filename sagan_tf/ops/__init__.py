"""Fast forms of the computations that take the time, each in one file with its plain reference.

`forms` holds the switch and the table: which form runs on which kind of device.
"""

from sagan_tf.ops.forms import using

__all__ = ["using"]
