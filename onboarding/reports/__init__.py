"""What people look at: messages before a run (`preview`, `serve`), results after it (`report`).

Sends nothing.
"""
