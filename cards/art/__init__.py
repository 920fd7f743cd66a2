"""The drawn portrait in layers: style, scene, figure, frame, lettering on one canvas, put together by each style."""
