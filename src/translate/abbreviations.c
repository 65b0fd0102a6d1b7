#include "translate/abbreviations.h"

#include <stddef.h>
#include <string.h>
#include <unicode/uloc.h>

#include "base/text.h"

typedef struct {
    const char *languages; /* codes, with blanks between them */
    const char *words;
} list;

/* None of them has words that often end a sentence (etc., usw., itd.). A first letter may be a
 * capital.
 */
static const list lists[] = {
    {"en",
     "no.# nos.# mr. mrs. ms. messrs. prof. maj. adm. hon. pres. cmdr. supt. dept. univ. vol. "
     "pp. sec.# ch.# art.# eds. ave. blvd. mt. ft. jan. feb. apr. aug. sept. oct. nov. dec. "
     "e.g. i.e. viz. cf."},
    {"de",
     "prof. dipl. ing. frl. hrn. fr. tel. nrn. art. abs. abschn. tab. kap. bd. bde. ggf. "
     "ggfs. evtl. vgl. sog. insb. inkl. exkl. zzgl. bzgl. bspw. max. min. mio. mrd. tsd. jan. "
     "feb. apr. aug. sept. okt. nov. dez. geb. gest. engl. lat. hl. sen. hrsg. aufl. anm. anl. "
     "bsp. fa. inh. ev. röm. kath. allg. usf. lt. str.# z.b. d.h. u.a. i.d.r."},
    {"es",
     "sr. sra. sres. sras. srta. dr. dra. dres. prof. profa. ud. uds. vd. vds. dña. ing. lic. "
     "arq. gral. cnel. cap. tte. sto. sta. pág. págs. núm. núms. art. arts. aprox. fig. tel. "
     "av. avda. depto. excmo. excma. ilmo. ilma. mons. vol. máx. mín. ej. p.ej. no.# n.º"},
    {"fr", "mm. mme. mmes. mlle. mlles. mgr. me. pr. ste. art. chap. fig. pp. vol. nos.# no.# av. "
           "apr. bd. env. éd. ex. cf. c.-à-d. j.-c. tél. max. min. réf. tab. janv. févr. juill. "
           "sept. oct. nov. déc. dép. hab."},
    {"it",
     "sig. sigg. sig.ra sig.ra. sig.na. dott. dott.ssa. prof. prof.ssa. ing. avv. arch. geom. "
     "rag. on. sen. gen. col. cap. ten. mons. ss. art. artt. pag. pagg. pp. fig. tab. nn. nr. "
     "vol. voll. es. p.es. cfr. tel. ca. max. min. lett. all. p.zza. v.le. c.so. gent. egr. "
     "spett. gen.le."},
    {"pt gl",
     "sr. sra. srs. sras. srta. dr. dra. drs. prof. profa. eng. engº. exmo. exma. dom. cap. "
     "cel. gen. maj. ten. sgto. art. arts. pág. págs. pp. fig. tab. vol. núm. av. tel. ex. "
     "p.ex. aprox. máx. mín. sto. sta. mons. pe. séc. inc.# n.º no.#"},
    {"ca", "sr. sra. srs. dr. dra. prof. pàg. núm. art. fig. vol. av. tel. ex. p.ex. aprox. cap."},
    {"nl af",
     "dhr. mevr. mw. mej. ir. ing. drs. mr. mrs. prof. bv. bijv. blz. ca. d.w.z. e.d. evt. "
     "incl. excl. i.p.v. m.b.t. m.n. nl. nr. o.a. pag. resp. str. tel. vgl. zgn. jl. art. "
     "afb. fig. hfst. max. min. vnl. lt. kol. gen. sint. st. ds. mln. mld."},
    {"pl",
     "np. prof. hab. inż. mgr. dr. ul. al. pl. św. tj. tzn. tzw. im. ks. gen. płk. ppłk. mjr. "
     "kpt. por. ppor. sierż. nr. wg. zob. ok. godz. min. pt. ds. m.in. red. str. rys. tab. "
     "ww. ur. zm. hr. oo. bp. abp. kard. dyr. pow. woj. tys. mln. mld. tel. art. ust. pkt. "
     "poz. dz. ob. jw. pn. płd. wsch. zach."},
    {"cs",
     "např. tzv. tj. tzn. prof. doc. ing. mgr. bc. judr. mudr. phdr. rndr. mvdr. thdr. csc. čl. "
     "str. obr. tab. ul. nám. sv. roč. mj. resp. popř. příp. cca. kap. odst. písm. hl. st. "
     "ml. zn. kpt. plk. gen. por. npor. tel. min. max. vyd. red. arch. akad. srov. čís. "
     "mil. tis. min."},
    {"sk",
     "napr. tzv. tj. tzn. prof. doc. ing. mgr. bc. judr. mudr. phdr. rndr. čl. str. obr. tab. "
     "ul. nám. sv. resp. príp. cca. kap. ods. písm. hl. st. ml. kpt. plk. gen. tel. min. max. "
     "vyd. red. porov. mil. tis."},
    {"tr az", "prof. doç. av. sn. alb. gen. org. yrd. öğr. gör. arş. uzm. müh. mim. hz. sok. cad. "
              "mah. apt. blv. bul. bkz. krş. örn. yy. tel. md. no.# bn. bşk. müd. şti. ltd. yay."},
    {"ro mo",
     "dl. d-l. dna. d-na. dra. prof. ing. av. gen. col. lt. mr. pr. sf. str. bd. bl. sc. et. "
     "ap. nr. art. alin. lit. pag. pp. vol. cap. fig. ex. cca. aprox. jud. com. or. șos. "
     "tel. min. max. conf. lect. asist. acad. mil. mld. î.hr. d.hr."},
    {"hu", "prof. ifj. id. özv. ill. pl. kb. ún. vö. ld. sz. szerk. old. krt. tel. hrsz. szt. min. "
           "max. fej. bek. ford. röv. kft. zrt. nyrt. bp. u.n. ti. jan. febr. márc. ápr. máj. jún. "
           "júl. aug. szept. okt. nov. dec."},
    {"sv",
     "bl.a. t.ex. d.v.s. dvs. fr. hr. kl. ca. resp. st. jfr. kap. art. tab. sid. tel. min. "
     "max. ung. forts. inkl. exkl. ing. prof. doc. lic. kapt. gen. övers. red. utg. bil. mom. "
     "nr. jan. febr. aug. sept. okt. nov. dec. s.k. m.a.o. p.g.a."},
    {"da", "bl.a. f.eks. dvs. d.v.s. prof. hr. fr. frk. kl. nr. ca. jf. jvf. kap. art. tab. stk. "
           "tlf. min. max. maks. inkl. ekskl. ang. evt. pga. mht. ifm. vedr. red. adv. cand. mag. "
           "ing. kapt. gen. sct. skt. mio. mia. jan. feb. aug. sept. okt. nov. dec."},
    {"no nb nn", "bl.a. f.eks. dvs. prof. hr. fr. kl. nr. ca. jf. kap. art. tab. tlf. min. maks. "
                 "inkl. ekskl. ang. evt. pga. mht. ifm. vedr. red. adv. cand. mag. ing. kapt. gen. "
                 "st. mill. mrd. jan. feb. aug. sept. okt. nov. des."},
    {"fi", "esim. ns. toht. prof. tri. hra. rva. nti. nro. puh. ks. vrt. ts. klo. ent. nyk. synt. "
           "kuv. taul. mom. kpl. os. milj. mrd. tuh."},
    {"et", "nt. prof. dr. hr. pr. nr. lk. vt. tn. jt. u. tel. art. lg. st. sh."},
    {"lt", "pvz. prof. doc. dr. pav. nr. psl. žr. g. gen. tūkst. mln. mlrd. pl. vnt. t.y. vad."},
    {"lv", "piem. prof. dr. nr. lpp. sk. t.i. tūkst. milj. mljrd. ģen. sv. att. tab."},
    {"hr bs sr sh",
     "dr. prof. mr. sc. ing. gosp. gđa. gđica. sv. ul. br. str. čl. st. tzv. tj. npr. "
     "odn. tel. god. red. izd. tab. cca. mil. mlrd. gen. puk. др. проф. инж. св. ул. "
     "бр. стр. чл. тзв. тј. нпр. одн. тел. год. ген."},
    {"sl", "dr. prof. mag. ing. ga. gdč. sv. ul. št. str. čl. tj. npr. t.i. oz. ok. tel. max. min. "
           "tab. gl. prim. spec. univ. dipl. mio."},
    {"el", "δρ. καθ. π.χ. δηλ. αρ. σελ. τηλ. βλ. πρβλ. λ.χ. αγ. εκατ. δισ. κ.κ. κκ. αρχ. υπ. τ.μ. "
           "ιαν. φεβ. μαρ. απρ. σεπτ. οκτ. νοε. δεκ."},
    {"bg mk", "гр. ул. бул. д-р. проф. доц. инж. акад. ген. полк. св. стр. т.е. т.н. напр. вж. чл. "
              "ал. ок. млн. млрд. лв. хил. тел. пл. кв. бл. вх. ет. ап. рис. табл. обл. общ."},
    {"ru",
     "гг. г-н. г-жа. гр. ул. пр. просп. пер. пл. наб. д-р. проф. доц. акад. инж. ген. полк. "
     "св. стр. см. ср. т.е. т.к. т.н. напр. ок. млн. млрд. тыс. руб. коп. тел. рис. табл. "
     "обл. р-н. им. рожд. ст. пп. гл. изд. ред. кв. корп. оз. род. ум. вв. долл. чел. шт. экз. "
     "кн. зам. нач. лат. англ. нем. фр. янв. февр. апр. авг. сент. окт. нояб. дек."},
    {"uk", "вул. просп. бульв. пл. д-р. проф. доц. акад. інж. ген. св. стор. т.зв. напр. див. ст. "
           "млн. млрд. тис. грн. тел. рис. табл. обл. р-н. ім. рр. гр. ред. вид. кв. буд. пор."},
    {"ar fa ur", "د. أ. م. ص. ج. ط. هـ. أ.د. ق.م."}};

bool rd_language_code(const char *language, char code[4]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t n = language ? strspn(language, letters) : 0;
    if ((n != 2 && n != 3) || (language[n] && !strchr("-_", language[n]))) return false;
    memcpy(code, language, n);
    code[n] = '\0';
    char shorter[16];
    UErrorCode error = U_ZERO_ERROR;
    int32_t length = uloc_getLanguage(code, shorter, sizeof shorter, &error);
    if (U_SUCCESS(error) && length == 2) memcpy(code, shorter, 3);
    return true;
}

const char *rd_abbreviations(const char *code) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (rd_is_listed(lists[i].languages, code)) return lists[i].words;
    return "";
}

bool rd_has_ordinal_stops(const char *code) {
    return rd_is_listed(
        "bs cs da de et eu fi fo hr hu is lb lt lv mk nb nn no pl sh sk sl sq sr tr", code);
}
