"""The ONNX export: exact integer arithmetic where a candidate is quantized, with its packed bytes inside."""
