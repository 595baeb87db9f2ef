"""Fake quantization: the quantizers, the layers that hold them, and how a model gets them."""
