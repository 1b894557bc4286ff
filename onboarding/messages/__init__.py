"""From a template and an invitee's facts to the finished bytes of one message.

`load.load_template_set` finds and compiles a webinar's templates; `composer.Composer` renders,
assembles and verifies a message. Nothing here sends, stores, asks RingCentral or reads the clock:
all of that comes in with the `MessageRequest`. This file imports nothing, because every command
reads `settings`, and most need nothing else from here.
"""
