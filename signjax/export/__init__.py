"""Trained runs in other forms: hub folders, safetensors, StableHLO and ONNX."""
