"""The review room: what people look at before and after a run."""
