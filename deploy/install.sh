#!/bin/sh
# `make install` on Debian 12, as root: code and venv in /opt/praxis, settings in /etc/praxis, files in /var/lib/praxis,
# systemd units and the command `praxis`. Run it again to update: it never changes the settings.
# With DESTDIR it puts files below that folder, and makes neither user nor venv (for packages and tests).
set -eu
umask 022
cd "$(dirname "$0")/.."
DESTDIR=${DESTDIR:-} PYTHON=${PYTHON:-python3}
opt=$DESTDIR/opt/praxis etc=$DESTDIR/etc/praxis state=$DESTDIR/var/lib/praxis
as_root() { [ "$(id -u)" = 0 ]; }
own() { if as_root && [ -z "$DESTDIR" ]; then chown "$@"; fi; }

if [ -z "$DESTDIR" ]; then
  as_root || { echo "praxis: make install needs root (or DESTDIR=/some/folder)." >&2; exit 1; }
  getent passwd praxis >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/praxis --shell /usr/sbin/nologin praxis
fi

install -d -m 755 "$opt" "$opt/app.new" "$DESTDIR/etc/systemd/system" "$DESTDIR/usr/local/sbin"
install -d -m 750 "$etc"
own root:praxis "$etc"
install -d -m 700 "$state" "$state/files"
own praxis:praxis "$state" "$state/files"

if [ ! -e "$etc/praxis.env" ]; then
  "$PYTHON" -m config.dotenv --production --one-file --host "${PRAXIS_HOST:-}" --email "${PRAXIS_EMAIL:-}" "$etc/new.env"
  value() { sed -n "s/^$1=//p" "$etc/new.env"; }
  (umask 077; cat >"$etc/owner.env" <<OWNER
# The owner of the database, for \`praxis setup\` alone.
DATABASE_URL=postgresql://praxis_owner:$(value POSTGRES_PASSWORD)@127.0.0.1:5432/praxis
DATABASE_APP_PASSWORD=$(value DATABASE_APP_PASSWORD)
OWNER
  )
  (umask 077; { grep -vE '^#?(POSTGRES_PASSWORD|DATABASE_APP_PASSWORD|TRUSTED_PROXIES|FILES_S3_|# To keep)' "$etc/new.env"
    cat <<LOCAL
DATABASE_URL=postgresql://praxis_app:$(value DATABASE_APP_PASSWORD)@127.0.0.1:5432/praxis
REDIS_URL=redis://127.0.0.1:6379/0
TRUSTED_PROXIES=127.0.0.1
FILES_DIR=/var/lib/praxis/files
VIRUS_SCAN_URL=unix:///run/clamav/clamd.ctl
#EMAIL_URL=smtp+tls://user:password@mail.example.org:587
LOCAL
  } >"$etc/unfinished.env")
  rm "$etc/new.env"
  mv "$etc/unfinished.env" "$etc/praxis.env"
fi
chmod 640 "$etc/praxis.env"
own root:praxis "$etc/praxis.env"

tar -cf - --exclude-vcs --exclude-from=deploy/not-installed . | tar -xf - --no-same-owner -C "$opt/app.new"
if [ -z "$DESTDIR" ]; then
  [ -x "$opt/venv/bin/python" ] || "$PYTHON" -m venv "$opt/venv"
  "$opt/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  (cd "$opt/app.new" && rm -f "$opt/build.env" && "$opt/venv/bin/python" -m config.dotenv "$opt/build.env" >/dev/null &&
    ENV_FILE=$opt/build.env "$opt/venv/bin/python" manage.py collectstatic --noinput --verbosity 0
    rm -f "$opt/build.env")
  "$opt/venv/bin/python" -m compileall -q "$opt/app.new"
fi
rm -rf "$opt/app.old"
if [ -d "$opt/app" ]; then mv "$opt/app" "$opt/app.old"; fi
mv "$opt/app.new" "$opt/app"
rm -rf "$opt/app.old"

install -m 644 deploy/systemd/praxis.socket deploy/systemd/praxis-web.service deploy/systemd/praxis-worker.service \
  "$DESTDIR/etc/systemd/system"
install -m 755 deploy/praxis "$DESTDIR/usr/local/sbin/praxis"
install -m 644 deploy/Caddyfile docs/proxy/nginx.conf "$etc"
if [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
echo "Installed. Next: praxis setup, then systemctl enable --now praxis.socket praxis-web praxis-worker"
