# One image for every process; the command says which (see docker-compose.yml).
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /venv
# Dependencies first: this layer is built again only when they change, not with every edit.
COPY pyproject.toml constraints.txt ./
RUN /venv/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
    && /venv/bin/pip install -c constraints.txt -r requirements.txt
COPY . .
RUN /venv/bin/pip install --no-deps .

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CARDFORGE_HOME=/data BIND=0.0.0.0 PORT=8000
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin cardforge \
    && install --directory --owner=cardforge --group=cardforge --mode=0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY --from=build /app /app
USER 10001
VOLUME /data
EXPOSE 8000
# For the web process. Compose replaces it for the workers, which do not listen.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=4)"]
CMD ["gunicorn", "-c", "api/gunicorn.py", "api:create_app()"]
