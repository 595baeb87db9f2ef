"""What a candidate costs and loses: quantizers, finetunes, word error rate, storage, estimated runtime.

The arithmetic (``storage``, ``runtime``, ``paper``, ``settings``) loads without torch.
"""
