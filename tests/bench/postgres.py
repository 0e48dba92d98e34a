"""Eleven publishing PostgreSQL clusters and one subscriber, on loopback.

The tuning follows PostgreSQL's own documentation (chapters 19, 30 and 31):
much shared memory, checkpoints far apart, compressed write-ahead log, binary
logical replication, one worker per subscription. Everything that durability
rests on stays on: fsync, full_page_writes, synchronous_commit on both ends.
"""

import os
import pathlib
import pwd
import shutil
import subprocess
import time

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
USER = "postgres"
TABLE = """
CREATE TABLE enrolment (
  city int NOT NULL, aac002 text NOT NULL, aae140 text NOT NULL,
  aac001 text, aab001 text, aab301 int NOT NULL, aac008 text NOT NULL,
  aac031 text, aac084 text, aac028 text, aac030 int, aac049 int,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by int8 NOT NULL DEFAULT 1,
  PRIMARY KEY (aac002, aae140, city))
"""
COMMON = {
    "listen_addresses": "''",
    "wal_level": "logical",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "wal_compression": "lz4",
    "wal_buffers": "'16MB'",
    "max_wal_size": "'16GB'",
    "checkpoint_timeout": "'30min'",
    "checkpoint_completion_target": "0.9",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "jit": "off",
    "autovacuum_naptime": "'15s'",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "max_connections": "120",
}
PUBLISHER = {"shared_buffers": "'256MB'", "logical_decoding_work_mem": "'128MB'"}
CENTER = {
    "shared_buffers": "'4GB'",
    "maintenance_work_mem": "'512MB'",
    "work_mem": "'256MB'",
    "max_worker_processes": "40",
    "max_logical_replication_workers": "30",
    "max_sync_workers_per_subscription": "2",
    "wal_level": "replica",
}


def as_user(arguments, **keywords):
    command = [str(a) for a in arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", USER, "--"] + command
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          cwd="/", **keywords)


class Cluster:
    def __init__(self, directory, name, settings):
        self.data = directory / name
        self.sockets = directory / f"socket-{name}"
        self.settings = {**COMMON, **settings,
                         "unix_socket_directories": f"'{self.sockets}'"}

    def create(self, template):
        self.sockets.mkdir()
        shutil.copytree(template, self.data, symlinks=True)
        config = "".join(f"{k} = {v}\n" for k, v in self.settings.items())
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(config)
        own(self.data, self.sockets)

    def start(self):
        as_user([BIN / "pg_ctl", "-D", self.data, "-w", "-l",
                 self.data / "log.txt", "start"], stdin=subprocess.DEVNULL)

    def stop(self, mode="fast"):
        if (self.data / "postmaster.pid").exists():
            as_user([BIN / "pg_ctl", "-D", self.data, "-w", "-m", mode,
                     "stop"])

    @property
    def where(self):
        return f"host={self.sockets} user={USER} dbname=postgres"

    def sql(self, text):
        return as_user([BIN / "psql", "-X", "-q", "-A", "-t", "-v",
                        "ON_ERROR_STOP=1", self.where, "-c", text]).stdout

    def processes(self):
        with open(self.data / "postmaster.pid", encoding="ascii") as file:
            return [int(file.readline())]


def own(*paths):
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        for path in paths:
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}",
                            str(path)], check=True)


class Postgres:
    name = "postgres"

    def __init__(self, directory, cities):
        self.directory = directory
        self.cities = cities
        self.publishers = {city: Cluster(directory, f"city-{city}", PUBLISHER)
                           for city in cities}
        self.center = Cluster(directory, "center", CENTER)

    def create(self):
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o755)
        own(self.directory)
        template = self.directory / "template"
        as_user([BIN / "initdb", "-D", template, "-U", USER, "-A", "trust",
                 "--no-locale", "-E", "UTF8"])
        for cluster in self.clusters():
            cluster.create(template)
            cluster.start()
            cluster.sql(TABLE)
        for cluster in self.publishers.values():
            cluster.sql("CREATE PUBLICATION changes FOR TABLE enrolment")
        self.subscribe(copy=False)
        for cluster in self.publishers.values():
            while cluster.sql("SELECT count(*) FROM pg_stat_replication WHERE "
                              "state = 'streaming'").strip() != "1":
                time.sleep(0.05)

    def clusters(self):
        return [*self.publishers.values(), self.center]

    def subscribe(self, copy):
        for city, cluster in self.publishers.items():
            self.center.sql(
                f"CREATE SUBSCRIPTION city_{city} CONNECTION "
                f"'{cluster.where}' PUBLICATION changes WITH (binary = true, "
                "synchronous_commit = on, copy_data = "
                f"{'true' if copy else 'false'})")

    def config(self):
        return {"center": self.center.where,
                "publishers": {str(city): cluster.where for city, cluster
                               in self.publishers.items()}}

    def processes(self):
        return [pid for cluster in self.clusters()
                for pid in cluster.processes()]

    def center_processes(self):
        return self.center.processes()

    def city_processes(self):
        return self.publishers[self.cities[0]].processes()

    def work_seconds(self):
        """It does not say."""
        return {}

    def settle(self):
        for cluster in self.clusters():
            cluster.sql("CHECKPOINT")

    def counted(self):
        return int(self.center.sql(
            "SELECT count(*) FROM enrolment WHERE aac008 IN ('1', '2')"))

    def disk_bytes(self):
        """Tables and indexes, without any write-ahead log."""
        return sum(int(cluster.sql(
            "SELECT pg_total_relation_size('enrolment')"))
            for cluster in self.clusters())

    def rebuild_center(self, expected):
        """A new subscriber copies everything; seconds until it has it."""
        for city in self.cities:
            self.center.sql(f"DROP SUBSCRIPTION city_{city}")
        self.center.sql("DROP TABLE enrolment")
        started = time.monotonic()
        self.center.sql(TABLE)
        self.subscribe(copy=True)
        while True:
            states = self.center.sql(
                "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate "
                "NOT IN ('r', 's')")
            if int(states) == 0:
                break
            time.sleep(0.02)
        seconds = time.monotonic() - started
        rows = int(self.center.sql("SELECT count(*) FROM enrolment"))
        assert rows == expected, (rows, expected)
        return seconds

    def stop(self):
        for cluster in self.clusters():
            cluster.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)
