"""Forms: what a setting has to look like, for the program and, in words, for the operator."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

FILE = "sqlite:///"
_SERVER = r"postgresql://[^\s/?]*/[^\s/?]+(\?\S*)?"
_TABLE = r"dynamodb://[A-Za-z0-9_.-]{3,255}\?\S+"

# The words stand after "give".
_AS_SERVER = "postgresql://USER:PASSWORD@HOST/DATABASE (in a password %40 is an @, %2F a /)"
_FILE_OR_SERVER = f"{FILE}[^\\x00]+|{_SERVER}"
Accounts = Annotated[
    str,
    Meta(
        pattern=f"^({_FILE_OR_SERVER})$",
        description=f"sqlite:///FILE or {_AS_SERVER}",
    ),
]
Payments = Annotated[
    str,
    Meta(
        pattern=f"^({_FILE_OR_SERVER}|{_TABLE})$",
        description=f"sqlite:///FILE, dynamodb://TABLE?region=REGION or {_AS_SERVER}",
    ),
]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port from 0 to 65535, such as 8000")]
Rate = Annotated[
    int, Meta(ge=1, le=10**9, description="how many requests a minute, at least 1, such as 600")
]
Switch = Annotated[bool, Meta(description="true or false")]
Host = Annotated[
    str, Meta(pattern=r"^[^\s/@]{1,253}$", description="a name or an address, such as 127.0.0.1")
]
Name = Annotated[
    str, Meta(pattern="^[a-z][a-z0-9_-]{0,39}$", description="small letters, such as sandbox")
]
Title = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f]{1,80}$", description="a name for people, such as My bank")
]
Origin = Annotated[
    str, Meta(description="the origin that payers and merchants see, such as https://pay.example")
]
Server = Annotated[str, Meta(description="an origin, such as https://3ds.example")]
_SAFE = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|$))"
Secret = Annotated[
    str,
    Meta(
        pattern=r"^(whsec_[A-Za-z0-9+/]{32,}={0,2})?$",
        description="whsec_ and the base64 of 24 bytes or more",
    ),
]
Safe = Annotated[str, Meta(pattern=_SAFE, description="an https origin, or one of this machine")]
Networks = Annotated[
    str, Meta(description="IP addresses or networks with commas between, such as 10.0.0.0/8")
]
Codes = Annotated[str, Meta(description="ISO 4217 codes with commas between, such as EUR,USD")]
Acquirer = Annotated[str, Meta(pattern="^[0-9]{1,11}$", description="1 to 11 digits")]
Terminal = Annotated[
    str, Meta(pattern="^[ -~]{1,8}$", description="1 to 8 ASCII characters, such as PAYSEAL1")
]
Category = Annotated[
    str, Meta(pattern="^[0-9]{4}$", description="the four digits of ISO 18245, such as 5999")
]
Location = Annotated[
    str,
    Meta(
        pattern="^[ -~]{1,40}$",
        description="up to 40 ASCII characters: 25 of name, 13 of city, 2 of country",
    ),
]
_HOSTS = r"[a-z][a-z0-9_-]{0,39}=[^\s/@,=]{1,253}:[0-9]{1,5}(,[^\s/@,=]{1,253}:[0-9]{1,5})*"
Hosts = Annotated[
    str,
    Meta(
        pattern=f"^({_HOSTS}( +{_HOSTS})*)?$",
        description="names and addresses, such as a=10.0.0.1:4001,10.0.0.2:4001 b=10.1.0.1:4001",
    ),
]
Folder = Annotated[
    str, Meta(pattern=r"^[^\x00]*$", description="a folder, such as /var/lib/payseal/settlement")
]
Share = Annotated[
    int, Meta(ge=0, le=10_000, description="hundredths of a percent from 0 to 10000, such as 140")
]
Fixed = Annotated[
    int, Meta(ge=0, le=10**6, description="minor units from 0 to 1000000, such as 25")
]
Transit = Annotated[
    int, Meta(ge=0, le=3600, description="seconds, a whole number from 0 to 3600, such as 60")
]
