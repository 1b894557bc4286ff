"""Letters people trust: from a template and an invitee's facts to the finished bytes of one message.

`composer.TemplateSet.load` finds a webinar's templates; `composer.Composer` renders, assembles and
verifies a message. Nothing here sends, stores, asks RingCentral or knows the time: all of that
comes in with the `MessageRequest`. Imports nothing by itself: every command reads `settings`, and
most need none of the rest.
"""
