"""Who is who: canonical names and credit codes, so that a ban outlives a disguise (Art. 18; reading local).

Everything that looks the same to a reader gives the same canonical form. What may be the same legal person,
but need not be, is near and goes to a person to judge; nothing here decides it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from itertools import combinations

from stdnum.cn import uscc


class Kinship(StrEnum):
    """How two names are related: one in disguise, perhaps one legal person, or two organisations."""

    SAME = "same"
    NEAR = "near"
    DISTINCT = "distinct"


class CodeProblem(StrEnum):
    """What is wrong with a credit code. Only the check digit is a warning: real codes fail it."""

    WRONG_LENGTH = "wrong_length"
    BAD_CHARACTER = "bad_character"
    WRONG_CHECK_DIGIT = "wrong_check_digit"

    @property
    def is_warning(self) -> bool:
        """Tell whether a person may go on in spite of it."""
        return self is CodeProblem.WRONG_CHECK_DIGIT


CODE_LENGTH = 18
# GB 32100 leaves out I, O, S, V and Z, because they are taken for other signs.
CODE_ALPHABET = frozenset("0123456789ABCDEFGHJKLMNPQRTUWXY")
# Four of the five have one reading and become it. V could be U or Y, so it stays and is refused.
_CODE_SLIPS = str.maketrans("OISZ〇", "01520")
# How people group or quote a code. Other signs, such as the ? of an unknown digit, stay and are refused.
_CODE_SEPARATORS = frozenset("_'\"`‘’“”.,·•‧∙・/\\:−ー")

# Letters that are drawn as nothing; every other invisible character has a category of its own.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
# The Unicode categories of letters and numbers. Modifier letters are left out: most are drawn as punctuation.
_KEPT = frozenset({"Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No"})
_REPEAT_MARK = "々"
# A dash has no meaning after the ordinal mark, and is drawn like the number one.
_DASH_FOR_ONE = re.compile("第[-‐‑‒–—―−─━ー_]")

# A name shorter than this begins too many others to say anything.
_TELLING_LENGTH = 6
_BRACKETS = {ord(opening): "(" for opening in "〔【[{<《〈「『〖"} | {
    ord(closing): ")" for closing in "〕】]}>》〉」』〗"
}
_BRACKETED = re.compile(r"\(([^()]*)\)")
_LEGAL_FORM = re.compile(
    r"(?:控股)?(?:集团)?(?:(?:股份)?有限(?:责任)?公司|股份公司|集团公司|总公司|公司|(?:特殊|有限|普通)*合伙(?:企业)?"
    r"|集团|个人独资企业|coltd|companylimited|limited|ltd|incorporated|inc|corporation|corp|llc|gmbh)$"
)
_BRANCH = (
    "(?:分公司|支公司|子公司|分院|分厂|分校|分所|分店|分行|支行|分部|分中心|分会|分社|分支机构|办事处|代表处|营业部|经营部"
    "|项目部|工作站|院区|校区|厂区)"
)
_BRANCH_OF = re.compile(
    rf"(.+(?:公司|企业|集团|厂|院|所|大学|学校|中学|小学|中心|协会|学会|商会|银行|局|馆|社|合伙)).{{0,12}}?{_BRANCH}"
)
_BRANCH_WORD = re.compile(f"{_BRANCH}$")
_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南"
    "|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_REGION_UNIT = (
    "省|特别行政区|自治区|自治州|自治县|地区|(?<![超门股夜集楼])市|县|盟|旗|(?<![小社园校院库景矿灌厂林牧])区"
)
_REGION = re.compile(rf"({_PROVINCES})(?:{_REGION_UNIT})?|(.{{1,8}}?)(?:{_REGION_UNIT})")
_MOST_REGIONS = 3
_ORDINAL = re.compile("第([0-9]{1,2}|[一二三四五六七八九十]{1,3})")
_NUMBERS = {sign: value for value, sign in enumerate("零一二三四五六七八九")}
_FORMAL_NUMBERS = str.maketrans("壹贰叁肆伍陆柒捌玖拾两", "一二三四五六七八九十二")


@lru_cache(maxsize=4096)
def canonical_name(text: str) -> str:
    """Fold a name to what it says: letters and numbers, simplified, lower case, look-alikes read as meant.

    Blanks, invisible characters, accents, punctuation and brackets are dropped. One name in two disguises
    gives the same text; it is for comparing and is not shown to people. May be empty.
    """
    while (folded := _fold(text)) != text:
        text = folded
    return text


def canonical_code(text: str) -> str:
    """Fold a credit code: upper case, no separators, look-alikes as Latin, I, O, S, Z as 1, 0, 5, 2.

    Other signs that no code has are kept, so that `code_problems` names them.
    """
    while (folded := _code_folded(text)) != text:
        text = folded
    return text


def _code_folded(text: str) -> str:
    # Upper case comes first: a small Greek letter in a code stands for the capital it was.
    letters = _as_seen(text.upper()).upper().translate(_CODE_SLIPS)
    return "".join(c for c in letters if c not in _CODE_SEPARATORS and unicodedata.category(c) != "Pd")


def code_problems(code: str) -> list[CodeProblem]:
    """List what is wrong with a credit code as it reads once folded; empty when it is in order.

    The check digit is looked at only in a code that is otherwise well formed.
    """
    read = canonical_code(code)
    problems = []
    if len(read) != CODE_LENGTH:
        problems.append(CodeProblem.WRONG_LENGTH)
    if not CODE_ALPHABET.issuperset(read):
        problems.append(CodeProblem.BAD_CHARACTER)
    # The library's own validation is stricter than the registers: it refuses codes that begin with a letter.
    if not problems and uscc.calc_check_digit(read) != read[-1]:
        problems.append(CodeProblem.WRONG_CHECK_DIGIT)
    return problems


def kinship(name_a: str, name_b: str) -> Kinship:
    """Compare two names. Symmetric; an empty name is kin to nobody.

    SAME: one canonical name. NEAR: a branch, another legal form or none, a region put in front, a bracket
    left out, an ordinal written otherwise, or one telling name that begins the other. DISTINCT: all else.
    """
    a, b = canonical_name(name_a), canonical_name(name_b)
    if not a or not b:
        return Kinship.DISTINCT
    if a == b:
        return Kinship.SAME
    shorter, longer = sorted((a, b), key=len)
    if longer.startswith(shorter) and len(shorter) >= _TELLING_LENGTH:
        return Kinship.NEAR
    return Kinship.NEAR if _readings(name_a).meets(_readings(name_b)) else Kinship.DISTINCT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """What a name may be read as: in full, and with a part left out that another writer might leave out.

    `branch_of` is what stands before the word for a branch, the branch's own place included; mostly empty.
    """

    full: frozenset[str]
    shortened: frozenset[str]
    branch_of: str

    def meets(self, other: "_Readings") -> bool:
        """Tell whether one name in full is a reading of the other, or what the other is a branch of.

        Two shortened readings prove nothing: the people's hospitals of two cities share one.
        """
        if self.is_branch_of(other) or other.is_branch_of(self):
            return True
        return bool(self.full & (other.full | other.shortened) or other.full & self.shortened)

    def is_branch_of(self, other: "_Readings") -> bool:
        """Tell whether the name is a branch's and begins with the other name, its legal form left out."""
        heads = [head for head in other.full if len(head) >= _TELLING_LENGTH]
        return any(self.branch_of.startswith(head) for head in heads)


@lru_cache(maxsize=4096)
def _readings(name: str) -> _Readings:
    text = unicodedata.normalize("NFKC", name).translate(_BRACKETS)
    bare = canonical_name(_BRACKETED.sub("", text))
    # 明德（聊城）制药 is registered, 聊城明德制药 is what people write.
    moved = canonical_name("".join(_BRACKETED.findall(text))) + bare
    inline = canonical_name(text)
    branch_of = _BRANCH_WORD.sub("", inline)
    full, shortened = set[str](), set[str]()
    for written in (inline, moved):
        more_full, more_shortened = _variants(written)
        full |= more_full
        shortened |= more_shortened
    shortened |= set().union(*_variants(bare))
    return _Readings(
        full=frozenset(full - {""}),
        shortened=frozenset(shortened - {""}),
        branch_of=branch_of if branch_of != inline else "",
    )


def _variants(written: str) -> tuple[set[str], set[str]]:
    """Split off branch, legal form and leading regions; give the core in full, and without some regions."""
    legal_person = _without_branch(_ORDINAL.sub(_ordinal, written.translate(_FORMAL_NUMBERS)))
    core = _LEGAL_FORM.sub("", legal_person)
    regions, rest = _leading_regions(core)
    if not rest:
        return {core}, set()
    shortened = {"".join(kept) + rest for kept in _fewer(regions, any_of_them=core != legal_person)}
    return {core, "".join(regions) + rest}, shortened


def _fewer(regions: list[str], *, any_of_them: bool) -> Iterable[tuple[str, ...]]:
    """Leave out regions: from the front, or any of a company's.

    A company's own name tells it from others in its town. The schools and hospitals of a city and of its
    districts bear one name, so theirs go from the front only: the last region is the one that counts.
    """
    if any_of_them:
        return (kept for size in range(len(regions)) for kept in combinations(regions, size))
    return (tuple(regions[start:]) for start in range(1, len(regions) + 1))


def _without_branch(name: str) -> str:
    if match := _BRANCH_OF.fullmatch(name):
        return match[1]
    return _BRANCH_WORD.sub("", name)


def _leading_regions(name: str) -> tuple[list[str], str]:
    """Split the regions a name begins with, their units dropped, from the rest."""
    regions: list[str] = []
    while len(regions) < _MOST_REGIONS and (match := _REGION.match(name)):
        regions.append(match[1] or match[2])
        name = name[match.end() :]
    return regions, name


def _ordinal(match: re.Match[str]) -> str:
    """Write an ordinal below one hundred in digits."""
    number = match[1]
    if number.isdecimal():
        return f"第{int(number)}"
    tens, ten, ones = number.rpartition("十")
    return f"第{(_NUMBERS.get(tens, 1) if ten else 0) * 10 + _NUMBERS.get(ones, 0)}"


def _fold(text: str) -> str:
    seen = _DASH_FOR_ONE.sub("第一", _as_seen(text))
    kept = "".join(c for c in seen if c == _REPEAT_MARK or unicodedata.category(c) in _KEPT)
    return unicodedata.normalize("NFC", kept.casefold().translate(_simplified()))


def _as_seen(text: str) -> str:
    """Read every sign as what it looks like, and drop what is not drawn.

    Look-alikes are read before normalization too, which would turn some into letters that look otherwise.
    """
    normal = unicodedata.normalize("NFKD", text.translate(_look_alikes()))
    return "".join(_visible(normal)).translate(_look_alikes())


def _visible(text: str) -> Iterator[str]:
    """Drop marks, blanks and whatever is not drawn; read the digits of every script as 0 to 9."""
    for c in text:
        if unicodedata.category(c)[0] not in "MZC" and c not in _BLANK_LETTERS:
            yield str(digit) if (digit := unicodedata.digit(c, None)) is not None else c


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    return _pairs("traditional.txt")


@lru_cache(maxsize=1)
def _look_alikes() -> dict[int, str]:
    return _pairs("look_alikes.txt")


def _pairs(file_name: str) -> dict[int, str]:
    """Load a table of two-character words; lines that begin with # are comments."""
    lines = (files("workflow") / "data" / file_name).read_text(encoding="utf-8").splitlines()
    words = (word for line in lines if not line.startswith("#") for word in line.split())
    return {ord(word[0]): word[1] for word in words}
