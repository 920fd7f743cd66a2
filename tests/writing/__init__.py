"""The writing pipeline against a model server that is played over HTTP: real rows, real steps."""
