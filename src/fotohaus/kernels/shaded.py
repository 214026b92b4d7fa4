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


class Stabilised:
    """Takes what `fotohaus.denoising.denoiser.Denoiser.stabilising` says: samples are divided by their gain, then
    u = sqrt(slope v + intercept); above: steps of the gains above y = 0 in the image that they are for."""

    slope = hl.InputBuffer(hl.Float(32), 1)
    intercept = hl.InputBuffer(hl.Float(32), 1)
    gains = hl.InputBuffer(hl.Float(32), 3)
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    above = hl.InputScalar(hl.Int(32))

    def shading(self, positions):
        """The gains, by steps."""
        return Gains(self.gains, (self.origin_x, self.origin_y), (self.step_x, self.step_y), positions, self.above)
