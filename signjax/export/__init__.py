"""Clips and trained runs in other formats: pictures, .pose, hub folders, safetensors, StableHLO and ONNX."""
