"""Letters people trust: from a template and an invitee's facts to the finished bytes of one message.

`stationery.Stationery.load` compiles a webinar's templates once; its `compose` renders, assembles and proves a letter.
Nothing here sends, stores, asks RingCentral or knows the time: all of that comes in with the `MessageRequest`.
Imports nothing by itself: every command reads `settings`, and most need none of the rest.
"""
