/*
 * The form under which strings are compared when they are searched (base/utf8.h). Each code point is decomposed
 * (NFKD) and case folded, then one rule after another is asked what becomes of it. A rule looks at what stands before
 * it, never at what follows: the folded form of a beginning is the beginning of the folded form (but for ヴ).
 *
 * docs/search.md has the table of the Japanese rules.
 */
#include <uchar.h>
#include <utf8proc.h>

#include "base/utf8.h"

struct folded {
    struct buf out;
    size_t points, max;
    int32_t last;     /* code point; 0: none */
    size_t last_from; /* where it begins in out */
    bool blank;       /* a separator waits for the next word */
    int32_t kana;     /* what last was before it became part of a long vowel */
    bool v;           /* last is ヴ: a small vowel after it becomes one with it */
};

static bool add(struct folded *f, int32_t c)
{
    if (c == ' ') {
        f->blank = f->points > 0;
        f->last = f->kana = 0;
        f->v = false;
        return true;
    }
    if (f->points + f->blank >= f->max)
        return false;
    if (f->blank) {
        buf_addc(&f->out, ' ');
        f->points++;
        f->blank = false;
    }
    f->last = c;
    f->last_from = f->out.len;
    f->v = false;
    utf8_put(&f->out, c);
    f->points++;
    return true;
}

static void replace_last(struct folded *f, int32_t c)
{
    f->out.len = f->last_from;
    utf8_put(&f->out, c);
    f->last = c;
    f->kana = 0;
    f->v = false;
}

/* ---- kana -------------------------------------------------------------------------------------------- */

enum {
    A = 0x30a2,
    I = 0x30a4,
    U = 0x30a6,
    E = 0x30a8,
    O = 0x30aa,
    FU = 0x30d5,
    HA = 0x30cf,
    HI = 0x30d2,
    HE = 0x30d8,
    HO = 0x30db,
    VOICED = 0x3099,
    LONG = 0x30fc
};

static bool is_kana(int32_t c)
{
    return c >= 0x30a1 && c <= 0x30fa;
}

static int32_t katakana(int32_t c)
{
    bool hiragana = (c >= 0x3041 && c <= 0x3096) || c == 0x309d || c == 0x309e;
    return hiragana ? c + 0x60 : c;
}

/* Small kana are as large ones, old ones as new ones. */
static int32_t plain_kana(int32_t c)
{
    static const char32_t pairs[] = U"ァアィイゥウェエォオッツャヤュユョヨヮワヵカヶケヰイヱエヲオ";
    for (const char32_t *p = pairs; *p; p += 2)
        if ((int32_t)*p == c)
            return (int32_t)p[1];
    return c;
}

/* The vowel of a plain kana without its voicing; 0: it has none. */
static int32_t vowel_of(int32_t c)
{
    static const struct {
        const char32_t *kana;
        int32_t vowel;
    } rows[] = {
        {U"アカサタナハマヤラワ", A}, {U"イキシチニヒミリ", I},   {U"ウクスツヌフムユル", U},
        {U"エケセテネヘメレ", E},     {U"オコソトノホモヨロ", O},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (const char32_t *k = rows[i].kana; *k; k++)
            if ((int32_t)*k == c)
                return rows[i].vowel;
    return 0;
}

/* After ヴ: ヴァ is バ. */
static int32_t with_v(int32_t small)
{
    switch (small) {
    case 0x30a1:
        return HA;
    case 0x30a3:
        return HI;
    case 0x30a7:
        return HE;
    case 0x30a9:
        return HO;
    default:
        return 0;
    }
}

/* A long vowel is its vowel twice, however it is written: オー, オオ and オウ, ケー, ケエ and ケイ. */
static int32_t long_vowel(int32_t before, int32_t c)
{
    if (c == LONG)
        return vowel_of(before); /* 0: drop it */
    if (c == U && vowel_of(before) == O)
        return O;
    if (c == I && vowel_of(before) == E)
        return E;
    return c;
}

static int32_t fold_kana(struct folded *f, int32_t c)
{
    int32_t merged = f->v ? with_v(c) : 0;
    if (merged) {
        replace_last(f, merged);
        return 0;
    }
    f->kana = plain_kana(c);
    return long_vowel(f->last, f->kana);
}

/* ---- kanji ------------------------------------------------------------------------------------------- */

/* Old forms and the new ones of the list of 1946 and later, and variants that are common in names; sorted. */
static const char32_t kanji[] =
    U"乘乗亂乱亞亜佛仏來来假仮傳伝僞偽價価儉倹兒児兩両册冊冨富冲沖凉涼凛凜剩剰劍剣劑剤勞労勳勲勵励勸勧區区卷"
    U"巻參参單単嚴厳囑嘱圈圏國国圍囲圓円圖図團団埜野堯尭增増墮堕"
    U"壓圧壘塁壞壊壤壌壯壮壹壱壽寿奧奥孃嬢學学寢寝實実寫写寬寛寶宝將将專専對対屆届屬属峯峰峽峡嵜崎嶋島嶌島嶽"
    U"岳巖巌帶帯廢廃廣広廳庁彈弾彌弥徑径從従德徳恆恒悅悦惠恵惡悪"
    U"惱悩愼慎慘惨應応懷懐戀恋戰戦戲戯拂払拔抜拜拝挾挟插挿揭掲搖揺搜捜擇択擔担據拠擧挙擴拡攜携攝摂收収效効敍"
    U"叙敕勅數数斷断晉晋曉暁曾曽會会柗松栁柳桒桑條条棧桟榮栄槇槙"
    U"槪概樂楽樓楼樞枢樣様橫横檢検櫻桜權権歐欧歡歓步歩歸帰殘残殼殻毆殴氣気沒没淨浄淺浅渴渇溪渓溫温滯滞滿満潛"
    U"潜澁渋澤沢濕湿濟済濱浜瀧滝瀨瀬灣湾燈灯燒焼營営爐炉爭争爲為"
    U"犧犠狀状狹狭獎奨獨独獵猟獸獣獻献瑤瑶瓣弁甁瓶產産畫画當当疊畳癡痴發発盜盗盡尽眞真碎砕祕秘祿禄禪禅禮礼稱"
    U"称稻稲穗穂穩穏竊窃竝並粹粋絲糸經経緖緒緣縁縣県縱縦總総繩縄"
    U"繪絵繼継續続纖繊缺欠罐缶羣群聰聡聲声聽聴肅粛腦脳膽胆臟臓臺台與与舊旧舍舎舖舗舘館艷艶莊荘莖茎萬万薗園薰"
    U"薫藏蔵藝芸藥薬處処號号螢蛍蟲虫蠶蚕蠻蛮衞衛裝装覺覚覽覧觀観"
    U"觸触謠謡證証譯訳譽誉讀読變変讓譲豐豊豫予貳弐賣売賴頼贊賛踐践輕軽轉転辨弁辭辞辯弁遙遥遞逓遲遅邉辺邊辺醉"
    U"酔醫医釀醸釋釈錢銭鎭鎮鐮鎌鐵鉄鑄鋳鑛鉱閱閲關関陷陥隨随險険"
    U"隱隠雙双雜雑霸覇靈霊靜静顏顔顯顕飜翻飮飲餘余騷騒驅駆驗験驛駅髓髄髙高髮髪鬭闘鷄鶏鹽塩麥麦黃黄黑黒默黙點"
    U"点黨党齊斉齋斎齒歯齡齢龍竜龜亀﨑崎𠮷吉";
enum { PAIRS = sizeof kanji / sizeof kanji[0] / 2 };

static int32_t new_kanji(int32_t c)
{
    for (size_t lo = 0, hi = PAIRS; lo < hi;) {
        size_t mid = (lo + hi) / 2;
        int32_t old = (int32_t)kanji[2 * mid];
        if (old == c)
            return (int32_t)kanji[2 * mid + 1];
        if (old < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return c;
}

static bool is_kanji(int32_t c)
{
    return (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* ---- all ---------------------------------------------------------------------------------------------- */

/* What separates words, or is nothing; c: it stands. */
static int32_t fold_category(int32_t c)
{
    if ((c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef)) /* variation selectors */
        return 0;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
        return 0;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return ' ';
    default:
        return c;
    }
}

/* 0 drops a code point, ' ' separates words. */
static int32_t fold_point(struct folded *f, int32_t c)
{
    c = katakana(c);
    if (c == VOICED && f->kana == U) {
        replace_last(f, FU);
        f->v = true;
        return 0;
    }
    if (is_kana(c) || c == LONG)
        return fold_kana(f, c);
    if (c != VOICED)
        f->kana = 0;
    if (c == 0x30fd || c == 0x30fe) /* iteration marks */
        return is_kana(f->last) ? f->last : 0;
    if (c == 0x3005 || c == 0x303b)
        return is_kanji(f->last) ? f->last : c;
    return is_kanji(c) ? new_kanji(c) : fold_category(c);
}

/* One ASCII byte folded the same way, without the tables: most text is ASCII. */
static char fold_ascii(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '$' || c == '+' || c == '<' || c == '=' ||
        c == '>' || c == '^' || c == '`' || c == '|' || c == '~')
        return c;
    return ' ';
}

struct str utf8_fold(struct arena *a, struct str s, size_t max)
{
    struct folded f = {.max = max};
    buf_init(&f.out, a, s.len + 1);
    for (size_t i = 0; i < s.len;) {
        if ((unsigned char)s.s[i] < 0x80) {
            if (!add(&f, fold_ascii(s.s[i++])))
                break;
            continue;
        }
        int32_t parts[32];
        int32_t c = utf8_next(s, &i);
        utf8proc_ssize_t n = utf8proc_decompose_char(
            c, parts, 32, UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, NULL);
        bool full = false;
        for (utf8proc_ssize_t j = 0; j < n && j < 32 && !full; j++) {
            int32_t p = fold_point(&f, parts[j]);
            full = p != 0 && !add(&f, p);
        }
        if (full)
            break;
    }
    return buf_str(&f.out);
}
