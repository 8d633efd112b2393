"""The sdp package, module by module; golden negotiations in golden/."""
