"""Compiles a template: MJML or HTML with Jinja in it becomes Jinja source of finished HTML.

`template.compile_template` is the function to start from. Its steps, and where they are:

1. `folders`: find the file, in the webinar's template folders only.
2. `sources`: read it with all that it includes and extends, as text and tags in one row.
3. `masking`: replace each tag by a word that compilers of MJML and CSS leave alone;
   `html_context` says where in the HTML a tag is.
4. `compile`: run mrml or css-inline on that text, check what came out, and derive the text part.
5. `masking` again: put the tags back.

Beside these, `names` checks what a template may refer to, and `constants` puts in the brand's
values. All of it is done once per run. No message is rendered here.
"""
