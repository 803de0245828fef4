/// The page's looks, and the little that moves on it.
enum ReferenceStyle {
    /// Exactly what stands between the tags: the page's policy allows it by its digest.
    static var css: String { "\(self.cssMarkup)" }
    static var script: String { "\(self.scriptMarkup)" }

    static let cssMarkup: StaticString = """
        :root{--ink:#1c2128;--soft:#59636e;--page:#fff;--side:#f6f8fa;--line:#d8dee4;--code:#eff2f5;--link:#0757c7;\
        --get:#0757c7;--post:#1a7f37;--patch:#8a5a00;--put:#8a5a00;--delete:#c01c28}
        @media(prefers-color-scheme:dark){:root{--ink:#e2e7ed;--soft:#97a1ac;--page:#11151a;--side:#171c22;--line:#2d353e;\
        --code:#1f262e;--link:#6cb0ff;--get:#6cb0ff;--post:#5fcf80;--patch:#e3b341;--put:#e3b341;--delete:#ff8a80}}
        *{box-sizing:border-box}
        html{scroll-behavior:smooth;scroll-padding-top:1rem}
        @media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
        body{margin:0;display:grid;grid-template-columns:20rem minmax(0,1fr);background:var(--page);color:var(--ink);\
        font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
        a{color:var(--link);text-decoration:none}
        a:hover{text-decoration:underline}
        code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        code{background:var(--code);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}
        pre{background:var(--code);border-radius:6px;padding:.7rem .9rem;overflow-x:auto;margin:.4rem 0}
        pre code{background:none;padding:0;overflow-wrap:normal}
        nav{position:sticky;top:0;height:100vh;overflow-y:auto;padding:1rem;background:var(--side);\
        border-right:1px solid var(--line);font-size:13px}
        nav .title{display:block;font-size:18px;font-weight:650;color:var(--ink);margin-bottom:.8rem}
        nav .title small{font-weight:400;color:var(--soft);margin-left:.5rem}
        nav input{width:100%;padding:.4rem .6rem;margin-bottom:.8rem;border:1px solid var(--line);border-radius:6px;\
        background:var(--page);color:var(--ink);font:inherit}
        nav summary{cursor:pointer;font-weight:600;padding:.3rem 0}
        nav ul{list-style:none;margin:0 0 .6rem;padding:0}
        nav li a{display:flex;gap:.5rem;align-items:baseline;padding:.12rem .2rem;color:var(--ink);border-radius:4px}
        nav li a:hover{background:var(--code);text-decoration:none}
        nav li span{overflow-wrap:anywhere;min-width:0}
        nav li b{flex:none;width:3.4rem}
        b.get,b.post,b.patch,b.put,b.delete{font:650 11px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
        b.get{color:var(--get)}b.post{color:var(--post)}b.patch{color:var(--patch)}b.put{color:var(--put)}\
        b.delete{color:var(--delete)}
        main{padding:1.5rem 2.5rem 6rem;max-width:66rem}
        h1{font-size:28px;line-height:1.2;margin:.2rem 0 1rem}
        h2{font-size:22px;margin:3rem 0 .5rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
        h3{font-size:16px;margin:0 0 .6rem}
        h3 a{color:inherit;display:flex;gap:.7rem;align-items:baseline}
        h3 code{font-size:15px;font-weight:600;background:none;padding:0}
        h3 b{font-size:13px!important}
        h3 i{color:var(--soft);font-style:normal;font-weight:400}
        h4{font-size:13px;color:var(--soft);font-weight:600;margin:1rem 0 .3rem}
        p{margin:.35rem 0}
        article{border:1px solid var(--line);border-radius:8px;padding:1rem 1.2rem;margin:1.2rem 0}
        article:target{border-color:var(--link)}
        .rpc,.note,.example,.type{color:var(--soft);font-size:13px}
        .rows{overflow-x:auto}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-top:1px solid var(--line)}
        th{width:15rem;font-weight:400;padding-left:0}
        td td,td th{border-top-style:dashed}
        td p{margin:0 0 .2rem}
        th em{display:block;color:var(--delete);font-style:normal;font-size:12px}
        th small{display:block;color:var(--soft);font-size:12px}
        .answers{display:grid;grid-template-columns:5.5rem minmax(0,1fr);margin:0}
        .answers dt{font:600 13px/1.8 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
        .answers dd{margin:0}
        [hidden]{display:none!important}
        @media(max-width:56rem){body{display:block}
        nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}
        nav details:not(:focus-within){max-height:16rem;overflow-y:auto}
        main{padding:1rem}th{width:auto}article{padding:.8rem}}
        @media(max-width:36rem){table,tbody,tr,th,td{display:block}th{padding-bottom:0}td{border-top:0;padding-left:0}}
        @media print{nav{display:none}body{display:block}article{break-inside:avoid}}
        """

    static let scriptMarkup: StaticString = """
        "use strict";
        for (const place of document.querySelectorAll(".origin"))
          if (location.protocol.startsWith("http")) place.textContent = location.origin;
        const label = document.querySelector(".search"), field = label.querySelector("input");
        label.hidden = false;
        const all = document.querySelectorAll("[data-find]");
        field.addEventListener("input", () => {
          const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
          for (const one of all) one.hidden = !words.every(word => one.dataset.find.includes(word));
        });
        if (matchMedia("(max-width:56rem)").matches)
          for (const group of document.querySelectorAll("nav details")) group.open = false;
        addEventListener("keydown", event => {
          if (event.target === field) { if (event.key === "Escape") { field.value = ""; field.dispatchEvent(new Event("input")); field.blur(); } }
          else if (event.key === "/" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); field.focus(); }
        });
        addEventListener("hashchange", () => {
          const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
          if (target && target.hidden) { target.hidden = false; target.scrollIntoView(); }
        });
        """
}
