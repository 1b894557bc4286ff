"""Who has joined a session: what RingCentral said last, person by person."""

from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from onboarding.ledger.schema import attendance, attendance_readings
from onboarding.model.attendance import AttendanceReading, PersonAttendance
from onboarding.model.entries import Attendance


def store_reading(
    connection: sa.Connection, session: int, reading: AttendanceReading, now: datetime
) -> None:
    """Store a reading in place of the one before."""
    connection.execute(attendance.delete().where(attendance.c.session == session))
    about = attendance_readings.c.session == session
    connection.execute(attendance_readings.delete().where(about))
    values = {"at": now, "is_final": reading.is_final, "fault": reading.fault}
    connection.execute(attendance_readings.insert().values(session=session, **values))
    rows = [
        {
            "session": session,
            "key": key,
            "attendance": person.attendance,
            "joined_at": person.joined_at,
            "wrong_door": person.wrong_door,
        }
        for key, person in reading.people.items()
    ]
    if rows:
        connection.execute(attendance.insert(), rows)


def load_reading(connection: sa.Connection, session: int) -> AttendanceReading:
    """Load the last reading; an empty one before the first."""
    about = attendance_readings.c.session == session
    last = connection.execute(sa.select(attendance_readings).where(about)).first()
    if last is None:
        return AttendanceReading()
    rows = connection.execute(sa.select(attendance).where(attendance.c.session == session))
    people = {
        row.key: PersonAttendance(Attendance(row.attendance), row.joined_at, row.wrong_door)
        for row in rows
    }
    return AttendanceReading(last.at, last.is_final, last.fault, MappingProxyType(people))
