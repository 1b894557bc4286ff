"""Reports as real mail servers write them, about one message to `ada@example.com`."""

MESSAGE_ID = "<" + "1a" * 20 + "@brightwater.example>"
ENVELOPE_ID = "1a" * 20
VERP = "bounces+0123456789abcdef01237b@brightwater.example"

HEADER = f"""\
Return-Path: <{VERP}>
Received: from mail.brightwater.example (mail.brightwater.example [192.0.2.7])
\tby mx.example.com (Postfix) with ESMTPS id 4XkTq91Zz8
\tfor <ada@example.com>; Mon, 1 Mar 2027 12:00:00 +0000 (UTC)
From: Brightwater Events <events@brightwater.example>
To: ada@example.com
Subject: Your link
Message-ID: {MESSAGE_ID}
Date: Mon, 01 Mar 2027 12:00:00 +0000
"""

LETTER = f"""{HEADER}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Dear Ada, here is your link.
"""


def standard(
    status: str,
    *,
    intro: str = "This is the mail system.",
    sender: str = "MAILER-DAEMON@mx.example.com (Mail Delivery System)",
    subject: str = "Undelivered Mail Returned to Sender",
    returned: str = HEADER,
    returned_type: str = "text/rfc822-headers",
    more: str = "",
    charset: str = "utf-8",
) -> str:
    """A report in the standard form, with this delivery-status part."""
    return f"""\
Return-Path: <>
From: {sender}
To: {VERP}
Subject: {subject}
Date: Mon, 1 Mar 2027 12:00:05 +0000
Message-Id: <20270301120005.4XkTr@mx.example.com>
Auto-Submitted: auto-replied
{more}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="frontier"

This is a MIME-encapsulated message.

--frontier
Content-Type: text/plain; charset={charset}
Content-Transfer-Encoding: 8bit

{intro}

--frontier
Content-Type: message/delivery-status

{status}
--frontier
Content-Type: {returned_type}

{returned}
--frontier--
"""


def plain(
    body: str,
    *,
    sender: str = "Mail Delivery System <MAILER-DAEMON@mx.example.com>",
    subject: str = "failure notice",
    more: str = "Return-Path: <>\n",
    to: str = "events@brightwater.example",
) -> str:
    """A report in a server's own words."""
    return f"""\
{more}From: {sender}
To: {to}
Subject: {subject}
Date: Mon, 1 Mar 2027 12:00:05 +0000
Message-Id: <20270301120005.77@mx.example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

{body}
"""


def status(
    action: str, code: str, words: str = "", recipient: str = "ada@example.com", more: str = ""
) -> str:
    """A delivery-status part: the block about the message, and that of the recipient."""
    diagnostic = f"Diagnostic-Code: smtp; {words}\n" if words else ""
    return f"""\
Reporting-MTA: dns; mx.example.com
{more}Arrival-Date: Mon, 1 Mar 2027 12:00:00 +0000

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {code}
Remote-MTA: dns; mail.example.com
{diagnostic}"""


POSTFIX = standard(
    status(
        "failed",
        "5.1.1",
        "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown in\n"
        "    virtual mailbox table",
        more="X-Postfix-Queue-ID: 4XkTq91Zz8\n"
        "X-Postfix-Sender: rfc822; events@brightwater.example\n"
        f"Original-Envelope-Id: {ENVELOPE_ID}\n",
    )
)
POSTFIX_DELAYED = standard(
    status("delayed", "4.4.1", "connect to mx.example.com[192.0.2.1]:25: Connection timed out"),
    subject="Delayed Mail (still being retried)",
)
POSTFIX_EXPIRED = standard(
    status("failed", "4.4.1", "connect to mx.example.com[192.0.2.1]:25: Connection timed out"),
)
POSTFIX_RELAYED = standard(
    status("relayed", "2.0.0", "250 2.0.0 Ok: queued as 9A1"),
    subject="Successful Mail Delivery Report",
)
EXCHANGE = standard(
    """\
Reporting-MTA: dns;DB9PR01MB1234.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mail.brightwater.example
Arrival-Date: Mon, 1 Mar 2027 12:00:00 +0000

Final-Recipient: rfc822;ada@example.com
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient
 ada@example.com not found by SMTP address lookup
""",
    sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>",
    subject="Undeliverable: Your link",
    returned=LETTER,
    returned_type="message/rfc822",
    more=f"In-Reply-To: {MESSAGE_ID}\nReferences: {MESSAGE_ID}\nX-MS-Exchange-Message-Is-Ndr:\n",
)
EXCHANGE_GERMAN = standard(
    status("failed", "5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver"),
    intro="Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen: "
    "Das Postfach des Empfängers ist voll.",
    sender="Microsoft Outlook <postmaster@example.com>",
    subject="=?utf-8?q?Unzustellbar=3A_Ihr_Link?=",
)
EXCHANGE_POLICY = standard(
    status("failed", "5.7.1", "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected"),
    subject="Undeliverable: Your link",
)
GMAIL = standard(
    """\
Reporting-MTA: dns; googlemail.com
Arrival-Date: Mon, 01 Mar 2027 04:00:00 -0800 (PST)
X-Original-Message-ID: """
    + MESSAGE_ID
    + """

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (2a00:1450::1a)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please
 550-5.1.1 try double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. f4-20020a5d58e4000000b003 - gsmtp
Last-Attempt-Date: Mon, 01 Mar 2027 04:00:01 -0800 (PST)
""",
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    subject="Delivery Status Notification (Failure)",
    returned=LETTER,
    returned_type="message/rfc822",
    more="X-Failed-Recipients: ada@example.com\n",
)
GMAIL_DELAYED = standard(
    status("delayed", "4.4.1", "The recipient server did not accept our requests to connect."),
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    subject="Delivery Status Notification (Delay)",
)
GMAIL_OVER_QUOTA = standard(
    status("failed", "5.2.2", "552-5.2.2 The recipient's inbox is out of storage space."),
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    subject="Delivery Status Notification (Failure)",
)
EXIM = standard(
    status("failed", "5.0.0", "550 5.1.1 <ada@example.com>... User unknown"),
    sender="Mail Delivery System <Mailer-Daemon@mx.example.com>",
    subject="Mail delivery failed: returning message to sender",
    more="X-Failed-Recipients: ada@example.com\n",
)
EXIM_OLD = plain(
    f"""\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.com
    SMTP error from remote mail server after RCPT TO:<ada@example.com>:
    host mx.example.com [192.0.2.1]: 550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------

{LETTER}""",
    sender="Mail Delivery System <Mailer-Daemon@mx.example.com>",
    subject="Mail delivery failed: returning message to sender",
    more="Return-path: <>\nX-Failed-Recipients: ada@example.com\nAuto-Submitted: auto-replied\n",
)
EXIM_WARNING = plain(
    f"""\
This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.com.

The message identifier is:     1pXyZa-0001Ab-2C
The subject of the message is: Your link
Message-ID: {MESSAGE_ID}

The address to which the message has not yet been delivered is:

  ada@example.com
    Delay reason: 451 4.7.1 Greylisted, please try again

No action is required on your part. Delivery attempts will continue for
some time.
""",
    sender="Mail Delivery System <Mailer-Daemon@mx.example.com>",
    subject="Warning: message 1pXyZa-0001Ab-2C delayed 24 hours",
    more="Return-path: <>\nAuto-Submitted: auto-replied\n",
)
QMAIL = plain(
    f"""\
Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{LETTER}"""
)
QMAIL_FULL = plain(
    f"""\
Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.com>:
user is over quota (#5.2.2)

--- Below this line is a copy of the message.

{LETTER}"""
)
SENDMAIL = standard(
    status(
        "failed",
        "5.1.1",
        "550 5.1.1 <ada@example.com>... User unknown",
        more="Received-From-MTA: DNS; mail.brightwater.example\n",
    ),
    intro="   ----- The following addresses had permanent fatal errors -----\n<ada@example.com>",
    sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.example.com>",
    subject="Returned mail: see transcript for details",
)
SENDMAIL_WARNING = standard(
    status("delayed", "4.2.0", "451 4.2.0 deferred"),
    sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.example.com>",
    subject="Warning: could not send message for past 4 hours",
)
SES_RETURNED = HEADER.replace(
    MESSAGE_ID, "<010001865f3a9c2b-1d2e3f40-5a6b-4c7d-8e9f-0a1b2c3d4e5f-000000@email.amazonses.com>"
).replace(f"Return-Path: <{VERP}>\n", "")
SES = standard(
    """\
Reporting-MTA: dns; a8-31.smtp-out.amazonses.com

Action: failed
Final-Recipient: rfc822; ada@example.com
Diagnostic-Code: smtp; 550 4.4.7 Message expired: unable to deliver in 840 minutes.
Status: 4.4.7
""",
    sender="MAILER-DAEMON@amazonses.com",
    subject="Delivery Status Notification (Failure)",
    returned=SES_RETURNED,
)
ZIMBRA = standard(
    status(
        "failed",
        "5.2.1",
        "550 5.2.1 <ada@example.com>: this mailbox is closed",
        recipient="ada@example.com",
        more="X-Postfix-Queue-ID: C0FFEE12345\n",
    ),
    sender="MAILER-DAEMON@zimbra.example.com (Mail Delivery System)",
)
FRENCH = standard(
    status("failed", "5.4.4", "Host or domain name not found. Name service error"),
    intro="Votre message n'a pas pu être remis : le domaine n'existe pas.",
    subject="=?iso-8859-1?q?Courrier_non_distribu=E9?=",
    charset="iso-8859-1",
)
JAPANESE = plain(
    f"""\
お客様のメッセージは配信できませんでした。
宛先: ada@example.com
550 5.1.1 ユーザーが見つかりません

Message-ID: {MESSAGE_ID}
""",
    sender="postmaster@example.co.jp",
    subject="=?utf-8?b?6YWN5L+h5LiN6IO9?=",
)
FORWARDED_AWAY = standard(
    status(
        "failed",
        "5.1.1",
        "550 5.1.1 unknown user",
        recipient="ada.private@elsewhere.example",
    ).replace("Final-Recipient:", "Original-Recipient: rfc822;ada@example.com\nFinal-Recipient:", 1)
)
SENDER_REJECTED = standard(status("failed", "5.1.8", "550 5.1.8 Sender address rejected"))
NO_ACTION = standard(status("failed", "5.1.1", "550 5.1.1 no").replace("Action: failed\n", ""))
GLOBAL = (
    standard(status("failed", "5.1.1", "550 5.1.1 unknown", recipient="ada@example.com"))
    .replace("message/delivery-status", "message/global-delivery-status")
    .replace("text/rfc822-headers", "message/global-headers")
)
EXPANDED_LIST = standard(
    status("expanded", "2.0.0", recipient="panel@example.com")
    + "\nFinal-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.7.1\n"
    "Diagnostic-Code: smtp; 550 5.7.1 not allowed\n"
)
MICROSOFT_PLAIN = plain(
    f"""\
Delivery has failed to these recipients or groups:

ada@example.com
Your message wasn't delivered. The recipient's mail server says:
#< #5.1.1 smtp;550 5.1.1 <ada@example.com>... User unknown> #SMTP#

Original message headers:

{HEADER}""",
    sender="postmaster@example.com",
    subject="Undeliverable: Your link",
)
BASE64_STATUS = standard(
    "UmVwb3J0aW5nLU1UQTogZG5zOyBteC5leGFtcGxlLmNvbQoKRmluYWwtUmVjaXBpZW50OiByZmM4\n"
    "MjI7IGFkYUBleGFtcGxlLmNvbQpBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMS4xCg==\n"
).replace(
    "Content-Type: message/delivery-status\n",
    "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n",
)


def auto_reply(subject: str, more: str, sender: str = "Ada <ada@example.com>") -> str:
    """An absence notice."""
    return plain(
        "I am away until Monday.\n\nFor 550 5.1.1 questions ask my colleague.",
        sender=sender,
        subject=subject,
        more=f"{more}In-Reply-To: {MESSAGE_ID}\nReferences: {MESSAGE_ID}\n",
    )


OUTLOOK_AWAY = auto_reply(
    "Automatic reply: Your link",
    "Return-Path: <>\nAuto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n",
)
GMAIL_AWAY = auto_reply("Out of office Re: Your link", "Precedence: bulk\nX-Autoreply: yes\n")
GERMAN_AWAY = auto_reply("Automatische Antwort: Ihr Link", "Return-Path: <>\n")
VACATION = auto_reply("Away", "Return-Path: <>\nAuto-Submitted: auto-replied (vacation)\n")

PERSON_QUOTES = plain(
    f"""\
Hello, I got this back from you, can you help?

> This message was created automatically by mail delivery software.
> ada@example.com
> 550 5.1.1 User unknown
> Message-ID: {MESSAGE_ID}
""",
    sender="Bob <bob@example.com>",
    subject="Fwd: Undelivered Mail",
    more=f"Return-Path: <bob@example.com>\nIn-Reply-To: {MESSAGE_ID}\n",
)
NEWSLETTER = plain(
    "Our prices rose by 5.1.1 per cent.", sender="news@shop.example", subject="News", more=""
)
