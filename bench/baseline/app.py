"""Create a payment link with FastAPI, Pydantic, SQLAlchemy (async), asyncpg and PostgreSQL.

As its own documentation would have one write it: one worker, one session and one transaction a
request, a pool that fits, statements prepared and cached by the driver. It checks an API key whose
secret is kept as a hash, validates, inserts the link and its event in one transaction, and answers
with a signed token. It does less than Payseal: the id in its token is not encrypted, it has no
rate limits, no feed, no worker beside it, no strict look at headers and query, and it does not look
up which payment methods the account has.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import ForeignKey, Index, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime

LIFE = timedelta(hours=24)
DATABASE = os.environ["BASELINE_DATABASE"].replace("postgresql:", "postgresql+asyncpg:", 1)
BASE_URL = os.environ["BASELINE_BASE_URL"]
# From 8 to 64 it made no difference: its own core is what it waits for.
engine = create_async_engine(DATABASE, pool_size=32, max_overflow=0, pool_timeout=60)
sessions = async_sessionmaker(engine, expire_on_commit=False)
signing_key = OKPKey.generate_key("Ed25519")
Moment = DateTime(timezone=True)


class Base(DeclarativeBase):
    """The tables."""


class ApiKey(Base):
    """A merchant's key; of its secret the hash only."""

    __tablename__ = "api_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    hash: Mapped[str]


class Link(Base):
    """A request to be paid."""

    __tablename__ = "links"
    __table_args__ = (
        Index("links_history", "account_id", "created_at"),
        Index("links_due", "expires_at", postgresql_where=text("status = 'open'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default="open")
    amount: Mapped[Decimal] = mapped_column(Numeric(16, 4))
    currency: Mapped[str]
    method: Mapped[str]
    realm: Mapped[str]
    description: Mapped[str]
    max_payments: Mapped[int | None]
    date: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Event(Base):
    """What happened to a link."""

    __tablename__ = "events"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    link_id: Mapped[UUID] = mapped_column(ForeignKey(Link.id), index=True)
    type: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    link: Mapped[Link] = relationship()


class NewPayment(BaseModel):
    """What a merchant asks for."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    amount: Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$")]
    date: AwareDatetime
    payment_method: Literal["card"]
    currency: Literal["EUR", "USD", "GBP", "CHF"]
    realm: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] = ""
    max_payments: Annotated[int, Field(ge=1, le=1000)] | None = 1


class Payment(BaseModel):
    """A payment; `url` is the link that a payer opens."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: UUID
    url: str
    status: str
    amount: str
    currency: str
    realm: str
    date: datetime
    payment_method: str
    description: str
    max_payments: int | None
    created_at: datetime
    expires_at: datetime


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Tables, and the one key that the environment names."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions.begin() as session:
        hashed = hashlib.sha256(os.environ["BASELINE_SECRET"].encode()).hexdigest()
        session.add(ApiKey(key=os.environ["BASELINE_KEY"], account_id=uuid4(), hash=hashed))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def transaction() -> AsyncIterator[AsyncSession]:
    """One for the request; committed before the answer is sent."""
    async with sessions.begin() as session:
        yield session


InTransaction = Annotated[AsyncSession, Depends(transaction, scope="function")]


async def api_key(
    credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())], session: InTransaction
) -> ApiKey:
    """The key that these are the credentials of."""
    found = await session.get(ApiKey, credentials.username)
    hashed = hashlib.sha256(credentials.password.encode()).hexdigest()
    if found is None or not hmac.compare_digest(found.hash, hashed):
        raise HTTPException(401)
    return found


@app.post("/api/payment", status_code=201)
async def create_payment(
    new: NewPayment, key: Annotated[ApiKey, Depends(api_key)], session: InTransaction
) -> Payment:
    """Ask for a payment, and get the link that a payer opens."""
    at = datetime.now(UTC)
    link = Link(
        id=uuid4(),
        account_id=key.account_id,
        status="open",
        amount=Decimal(new.amount),
        currency=new.currency,
        method=new.payment_method,
        realm=new.realm,
        description=new.description,
        max_payments=new.max_payments,
        date=new.date,
        created_at=at,
        expires_at=at + LIFE,
    )
    facts = {"id": str(link.id), "status": "open", "amount": new.amount, "currency": new.currency}
    session.add(Event(id=uuid4(), link=link, type="link.created", at=at, data=facts))
    claims = {"sub": str(link.id), "exp": int(link.expires_at.timestamp())}
    token = jwt.encode({"alg": "Ed25519"}, claims, signing_key, algorithms=["Ed25519"])
    return Payment(
        id=link.id,
        url=f"{BASE_URL}/p/{token}",
        status=link.status,
        amount=new.amount,
        currency=link.currency,
        realm=link.realm,
        date=link.date,
        payment_method=link.method,
        description=link.description,
        max_payments=link.max_payments,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )
