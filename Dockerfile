# One image for the web server and for `python manage.py ...`. It contains no secrets: they come from files or from the
# environment (.env.example). docker-compose.yml uses it, and says why no digest stands here.
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /srv/praxis

# pg_dump and pg_restore of PostgreSQL 15, as docker-compose.yml has it: Debian 12 brings that version, newer ones do not
# (without their patch's number: Debian's archive drops it with the next security update)
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-15 && rm -rf /var/lib/apt/lists/*

# requirements first, so that a change of code does not reinstall them
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY . .
# Collecting static files loads the settings, so a temporary file holds secrets; none may stay in a layer.
# What runs belongs to root and cannot be changed by what it runs as.
RUN python -m config.dotenv /tmp/build.env \
    && ENV_FILE=/tmp/build.env python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q . \
    && rm /tmp/build.env \
    && groupadd --system --gid 999 praxis \
    && useradd --system --uid 999 --gid 999 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin praxis \
    && install --directory --owner praxis --group praxis --mode 700 /srv/files /srv/backups /srv/scratch

USER 999:999
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/api/health/live' % os.environ['PORT'], timeout=2)"]
CMD ["gunicorn", "--config", "config/gunicorn.py"]
