"""The cases of `mmtl bench` as they are usually written in PyTorch."""
