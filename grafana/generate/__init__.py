"""The dashboards as code: `python -m grafana.generate` writes the JSON files beside this folder.

`queries` writes PromQL, `panels` has one function for each kind of panel, `layout` places panels
in rows and makes the dashboard; `prevention*` and `daemon` say what the two dashboards show.
"""
