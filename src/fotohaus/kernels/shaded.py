"""What generators share that multiply samples by lens-shading gains; imported at build time only."""

import halide as hl

from fotohaus.kernels.common_raw import Gains


class Shaded:
    """Takes the gains of `fotohaus.shading.Shading.arguments`; top is the row of the image that is y = 0 here."""

    gains = hl.InputBuffer(hl.Float(32), 3)
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    top = hl.InputScalar(hl.Int(32))

    def shading(self, positions, top=0):
        """The gains for pixels whose y counts from the row `top`."""
        return Gains(self.gains, (self.origin_x, self.origin_y), (self.step_x, self.step_y), positions, top)
