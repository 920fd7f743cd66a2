"""Shapes on the wire, one noun each. No database, no request. The one home of marshmallow."""
