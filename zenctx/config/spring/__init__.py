"""The application's own Spring settings, read as the application reads them.

`yaml_text`, `properties_text` and `json_text` read one text, `files` finds a file and those of its profiles,
`activation` says what counts, by `profiles`; `sources` looks a key up in all places, `placeholders` resolves
`${NAME:default}` in what is found, `datasource` makes one database URL, and `reading` hands over the settings that
zenctx has.
"""

from zenctx.config.spring.reading import Application, from_spring

__all__ = ["Application", "from_spring"]
