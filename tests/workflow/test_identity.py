"""Canonical identity: a banned partner in disguise is found, and two organisations stay two (Art. 18)."""

import unicodedata
from itertools import combinations
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflow.identity import CodeProblem, Kinship, canonical_code, canonical_name, code_problems, kinship

LEDGER = """
临清明德新材料有限公司 徒骇第二检验检测研究院 古城东方新材料有限公司 阳谷明德体育运动协会
徒骇鲁西新材料有限公司 凤凰恒泰智能装备有限公司 水城人民医院 湖西恒泰新材料有限公司
景阳鲁西体育运动协会 运河实验中学 临清生物科技股份有限公司 高唐实验中学 景阳明德新材料有限公司
凤凰鲁西生物科技股份有限公司 东阿第二环境科技有限公司 茌平第一环境科技有限公司
临清博远检验检测研究院 古城生物科技股份有限公司 湖西恒泰软件技术有限公司
高唐东方会计师事务所（普通合伙） 茌平制药有限公司 徒骇检验检测研究院 东阿东方律师协会
东阿智能装备有限公司 运河博远实验中学 景阳恒泰检验检测研究院 临清恒泰律师协会 莘州博远律师协会
古城农业科学研究所 古城第二软件技术有限公司 水城明德制药有限公司 凤凰第一环境科技有限公司
东阿恒泰翻译服务有限公司 水城鲁西律师协会 茌平博远检验检测研究院 景阳恒泰律师协会
景阳第二软件技术有限公司 景阳博远生物科技股份有限公司 阳谷智能装备有限公司 徒骇第二新材料有限公司
水城第一会计师事务所（普通合伙） 景阳鲁西检验检测研究院 湖西第一体育运动协会
高唐鲁西新材料有限公司 东昌东方制药有限公司 临清鲁西体育运动协会 湖西会计师事务所（普通合伙）
水城明德环境科技有限公司 东昌鲁西会计师事务所（普通合伙） 东昌第一新材料有限公司
高唐鲁西软件技术有限公司 冠州博远律师协会 东阿鲁西制药有限公司 高唐东方翻译服务有限公司
运河博远会计师事务所（普通合伙） 水城鲁西智能装备有限公司 水城第二体育运动协会
茌平恒泰翻译服务有限公司 阳谷软件技术有限公司 冠州博远体育运动协会
"""
PARTNERS = LEDGER.split()

# What a writer of traditional characters makes of the names above.
SIMPLIFIED = "临东骇检验测阳协动鲁凤装备医实环师会计务农业软件术译远运恒泰伙学药丰"
TRADITIONAL = "臨東駭檢驗測陽協動魯鳳裝備醫實環師會計務農業軟件術譯遠運恆泰夥學藥豐"
TO_TRADITIONAL = dict(zip(SIMPLIFIED, TRADITIONAL, strict=True))
INVISIBLE = [
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\u3000",
    " ",
    "\t",
    "\u00a0",
    "\ufe00",
    "\u3164",
    "\u0301",
]
FULL_WIDTH = {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}
CYRILLIC = dict(zip("ABCEHIJKMOPSTXY", "АВСЕНІЈКМОРЅТХҮ", strict=True))
GREEK = dict(zip("ABEHIKMNOPTXYZ", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", strict=True))

NAME = "中科ABC（聊城）医药研究院"
CODE = "91371500MA7Y6F6M7Y"

DISGUISED = [
    "中科ＡＢＣ（聊城）医药研究院",
    "中科abc（聊城）医药研究院",
    " 中科 ABC（聊城） 医药研究院　",
    "中科\u200bABC（聊\u200d城）医药研究院\ufeff",
    "中科ABC（聊城）医\u00ad药研究院",
    "中科ABC（聊城）医\u2060药研\u0301究院\ufe00",
    "中科ABC（聊城）醫藥研究院",
    "中科ABC（聊城）医薬研究院",
    "中科ABC(聊城)医药研究院",
    "中科ABC〔聊城〕医药研究院",
    "中科ABC【聊城】医药研究院",
    "中科ABC[聊城]医药研究院",
    "中科ABC聊城医药研究院",
    "中科·ABC·（聊城）医药研究院",
    "中科“A.B.C.”（聊城）、医药研究院。",
    "中科АВС（聊城）医药研究院",
    "中科ΑΒϹ（聊城）医药研究院",
    "中科Аbс（聊城）医药研究院",
    "中科ＡＢＣ（聊城）醫\u3164藥研究院\ue000",
    "中科𝐀𝔹Ⓒ（聊城）医药研究院",
]
"""Ways to write NAME."""

DISGUISED_CODES = [
    "91371500ma7y6f6m7y",
    "９１３７１５００ＭＡ７Ｙ６Ｆ６Ｍ７Ｙ",
    " 9137 1500 MA7Y 6F6M 7Y ",
    "9137-1500-MA7Y-6F6M-7Y",
    "'91371500MA7Y6F6M7Y",
    "91371500\u200bMA7Y6F6\u00adM7Y\ufeff",
    "9137I5OOMA7Y6F6M7Y",
    "9137i5ooMA7Y6F6M7Y",
    "91371500МА7Y6F6М7Y",
    "91371500ΜΑ7Υ6F6Μ7Υ",
    "91371500μα7υ6f6μ7υ",
    "9137ІS〇ОMA7Y6F6M7Y",
    "91371500𝚳𝚨7Y6F6M7Y",
]
"""Ways to write CODE."""

PERHAPS_ONE = [
    ("水城明德制药有限公司", "水城明德制药有限责任公司"),
    ("水城明德制药有限公司", "水城明德制药股份有限公司"),
    ("水城明德制药有限公司", "水城明德制药"),
    ("水城明德制药有限公司", "水城明德制药集团有限公司"),
    ("水城明德制药有限公司", "水城明德制药有限公司济南分公司"),
    ("水城明德制药有限公司", "水城明德制药济南分公司"),
    ("水城明德制药有限公司青岛分公司", "水城明德制药有限公司济南分公司"),
    ("水城明德制药有限公司", "水城明德制药有限公司北京办事处"),
    ("水城明德制药有限公司", "水城明德（集团）制药有限公司"),
    ("水城明德制药有限公司", "明德（水城）制药有限公司"),
    ("水城明德制药有限公司", "山东省水城市明德制药有限公司"),
    ("水城明德制药有限公司", "山东水城明德制药有限公司"),
    ("水城明德制药有限公司", "水城市明德製藥有限責任公司"),
    ("聊城市明德制药有限公司", "聊城市东昌府区明德制药有限公司"),
    ("聊城第一人民医院", "聊城市第一人民医院"),
    ("聊城第一人民医院", "山东省聊城市第1人民医院"),
    ("聊城第一人民医院", "聊城第一人民医院东院区"),
    ("聊城第一人民医院", "聊城第一人民医院东昌分院"),
    ("聊城市市场监督管理局", "聊城市场监督管理局"),
    ("聊城市第十二中学", "聊城市第12中学"),
    ("聊城市第二十中学", "聊城市第贰拾中学"),
    ("高唐东方会计师事务所（普通合伙）", "高唐东方会计师事务所（特殊普通合伙）"),
    ("高唐东方会计师事务所（普通合伙）", "高唐东方会计师事务所"),
    ("高唐东方会计师事务所", "高唐东方会计师事务所党支部"),
    ("Mingde Pharma", "MINGDE PHARMA Co., Ltd."),
]
"""Names of what may be one legal person."""

TWO = [
    ("聊城第一人民医院", "聊城第二人民医院"),
    ("聊城市第一中学", "聊城市第十一中学"),
    ("济南市第一人民医院", "聊城市第一人民医院"),
    ("聊城市实验中学", "聊城市东昌府区实验中学"),
    ("莘县人民医院", "冠县人民医院"),
    ("阳谷县教育局", "东阿县教育局"),
    ("山东省农业科学院", "中国农业科学院"),
    ("聊城大学", "聊城大学东昌学院"),
    ("水城明德制药有限公司", "水城明德新材料有限公司"),
    ("水城明德制药有限公司", "水城明德制药设备有限公司"),
    ("水城明德制药有限公司", "水城制药有限公司"),
    ("水城明德制药有限公司", "临清明德制药有限公司"),
    ("水城市明德制药有限公司", "临清市明德制药有限公司"),
    ("中车（聊城）有限公司", "中车（济南）有限公司"),
    ("水城明德制药有限公司济南分公司", "水城明德环境科技有限公司济南分公司"),
]
"""Names of two organisations."""


def disguise_name(name: str, random: Random) -> str:
    """Write the name another way, which a reader would take for the same."""
    written = []
    for c in name:
        ways = [
            c,
            c.lower(),
            TO_TRADITIONAL.get(c, c),
            FULL_WIDTH.get(c, c),
            CYRILLIC.get(c, c),
            GREEK.get(c, c),
        ]
        ways += ["(", "【", "[", "﹙"] * (c == "（") + [")", "】", "]", "﹚"] * (c == "）")
        written += [random.choice(ways), random.choice(["", "", "", "·", *INVISIBLE])]
    return "".join(written)


def disguise_code(code: str, random: Random) -> str:
    """Write the code another way, which a reader would take for the same."""
    written = []
    for c in code:
        ways = [c, c.lower(), FULL_WIDTH[c], CYRILLIC.get(c, c), GREEK.get(c, c)]
        ways += {"0": ["O", "o", "О", "Ο", "ο"], "1": ["I", "i", "І", "Ι", "ι"]}.get(c, [])
        written += [random.choice(ways), random.choice(["", "", "", "-", *INVISIBLE])]
    return "".join(written)


@pytest.mark.parametrize("disguised", DISGUISED)
def test_name_in_disguise_is_the_same(disguised: str) -> None:
    assert disguised != NAME
    assert canonical_name(disguised) == canonical_name(NAME) == "中科abc聊城医药研究院"
    assert kinship(NAME, disguised) is Kinship.SAME


@pytest.mark.parametrize(
    ("disguised", "name"),
    [
        ("聊城第—人民医院", "聊城第一人民医院"),
        ("聊城第ー人民医院", "聊城第一人民医院"),
        ("聊城化エ有限公司", "聊城化工有限公司"),
        ("聊城ｶ源有限公司", "聊城力源有限公司"),
        ("聊城⻢⼒制造有限公司", "聊城马力制造有限公司"),
        ("聊城乾燥設備有限公司", "聊城干燥设备有限公司"),
        ("聊城鉅能電力", "聊城钜能电力"),
        ("聊城臺灣風味後廚", "聊城台湾风味后厨"),
        ("聊城٣中", "聊城3中"),
    ],
)
def test_look_alike_characters_are_read_as_meant(disguised: str, name: str) -> None:
    assert canonical_name(disguised) == canonical_name(name)


@given(st.sampled_from([*PARTNERS, NAME]), st.randoms(use_true_random=False))
def test_any_mixture_of_disguises_is_the_same(name: str, random: Random) -> None:
    assert kinship(name, disguise_name(name, random)) is Kinship.SAME


@given(st.text())
def test_canonical_name_is_stable_and_clean(text: str) -> None:
    once = canonical_name(text)

    assert canonical_name(once) == once
    assert all(unicodedata.category(c)[0] in "LN" for c in once)


def test_traditional_table_maps_to_characters_that_stay() -> None:
    simplified = "国东临药医术业丰发后里面台干余征于复只松范系制周表准借升向才征谷伙斗云"

    assert canonical_name(simplified) == simplified


@pytest.mark.parametrize("empty", ["", "  ", "\u200b", "（）", "——"])
def test_name_of_nothing_is_kin_to_nobody(empty: str) -> None:
    assert canonical_name(empty) == ""
    assert kinship(empty, empty) is Kinship.DISTINCT
    assert kinship(empty, NAME) is Kinship.DISTINCT


def test_partners_are_sixty() -> None:
    assert len(set(PARTNERS)) == 60


def test_partners_are_distinct_from_one_another() -> None:
    related = [(a, b) for a, b in combinations(PARTNERS, 2) if kinship(a, b) is not Kinship.DISTINCT]

    assert related == []


@pytest.mark.parametrize(("name", "other"), PERHAPS_ONE)
def test_perhaps_one_legal_person_is_near(name: str, other: str) -> None:
    assert kinship(name, other) is Kinship.NEAR
    assert kinship(other, name) is Kinship.NEAR


@pytest.mark.parametrize(("name", "other"), TWO)
def test_two_organisations_are_distinct(name: str, other: str) -> None:
    assert kinship(name, other) is Kinship.DISTINCT
    assert kinship(other, name) is Kinship.DISTINCT


@pytest.mark.parametrize("disguised", DISGUISED_CODES)
def test_code_in_disguise_is_the_same(disguised: str) -> None:
    assert disguised != CODE
    assert canonical_code(disguised) == CODE
    assert code_problems(disguised) == []


@given(
    st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=18, max_size=18), st.randoms(use_true_random=False)
)
def test_any_mixture_of_code_disguises_is_the_same(code: str, random: Random) -> None:
    assert canonical_code(disguise_code(code, random)) == code


@given(st.text())
@example("㎛")
def test_canonical_code_is_stable(text: str) -> None:
    once = canonical_code(text)

    assert canonical_code(once) == once


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        (CODE, []),
        ("N2371502MF1234567X", [CodeProblem.WRONG_CHECK_DIGIT]),  # a register whose codes begin with a letter
        ("91371500MA7Y6F6M7A", [CodeProblem.WRONG_CHECK_DIGIT]),
        ("91371500MA26E53AK?", [CodeProblem.BAD_CHARACTER]),
        ("91371500MA26E53AKV", [CodeProblem.BAD_CHARACTER]),
        ("91371500MA26E53AK*", [CodeProblem.BAD_CHARACTER]),
        ("91371500MA7Y6F6M7", [CodeProblem.WRONG_LENGTH]),
        ("91371500MA7Y6F6M7YY", [CodeProblem.WRONG_LENGTH]),
        ("", [CodeProblem.WRONG_LENGTH]),
        ("待补", [CodeProblem.WRONG_LENGTH, CodeProblem.BAD_CHARACTER]),
    ],
)
def test_code_problems_are_named(code: str, problems: list[CodeProblem]) -> None:
    assert code_problems(code) == problems


def test_only_the_check_digit_is_a_warning() -> None:
    assert [problem for problem in CodeProblem if problem.is_warning] == [CodeProblem.WRONG_CHECK_DIGIT]
