"""Functions that call `one`, or what their text names, by hooks of live classes."""
def one(*a): return 1
def two(*a): return 2
class D(dict):
    def __getitem__(self, k): return super().__getitem__(k)
class D2(dict):
    def __missing__(self, k): return two
class D3(dict):
    def get(self, k, d=None): return super().get(k, d)
class L(list):
    def __getitem__(self, k): return list.__getitem__(self, k)
    def __iter__(self): return super().__iter__()
class C:
    def __call__(self, k): return one
class C2(C):
    def __call__(self, k): return super().__call__(k)
class A:
    def __setattr__(self, n, v): super().__setattr__(n, v)
class A2:
    def __setattr__(self, n, v): self.__dict__[n] = v
class P:
    @property
    def f(self): return one
class P2(P):
    @property
    def f(self): return super().f
class M(type):
    def __getattr__(cls, n): return one
class MM(metaclass=M): pass
class M2(type):
    def __getattribute__(cls, n): return super().__getattribute__(n)
class MM2(metaclass=M2):
    f = one
class M3(type):
    def __call__(cls, *a):
        o = super().__call__(*a); o.f = one; return o
class MM3(metaclass=M3): pass
class Desc:
    def __get__(self, o, t=None): return one
class Ho: 
    f = Desc()
class Ho2(Ho):
    def __getattribute__(self, n): return super().__getattribute__(n)
class Sl:
    __slots__=("f",)
    def __init__(self): self.f = one
class Sl2(Sl):
    __slots__=()
    def __getattribute__(self, n): return object.__getattribute__(self, n)
class It:
    def __iter__(self): return iter([one])
class It2(It):
    def __iter__(self): return super().__iter__()
class Cm:
    def __enter__(self): return one
    def __exit__(self,*a): return False
class Cm2(Cm):
    def __enter__(self): return super().__enter__()
d=D(a=one); d2=D2(); d3=D3(a=one); l=L([one]); c=C2(); a=A(); a.f=one; a2=A2(); a2.f=one; p=P2(); ho=Ho2(); sl=Sl2(); it=It2(); cm=Cm2()
def f_d(): return d["a"]()
def f_d2():
    "two"
    return d2["a"]()
def f_d3(): return d3.get("a")()
def f_l(): return l[0]()
def f_l2(): return [x() for x in l]
def f_c(): return c(1)()
def f_a(): return a.f()
def f_a2(): return a2.f()
def f_p(): return p.f()
def f_mm(): return MM.g()
def f_mm2(): return MM2.f()
def f_mm3(): return MM3().f()
def f_ho(): return ho.f()
def f_sl(): return sl.f()
def f_it(): return [x() for x in it]
def f_cm():
    with cm as f: return f()
def f_a_w():
    x=A(); x.f=one; return x.f()
def f_a_w2():
    x=A2(); x.f=one; return x.f()
def f_a_w3():
    "two"
    a.g=two; return a.g()
def f_vars(): return vars(a2)["f"]()
def f_dict(): return a2.__dict__["f"]()
def f_get(): return type(p).f.fget(p)()
def f_dunder(): return d.__getitem__("a")()
def f_unbound(): return D.__getitem__(d,"a")()
def f_unbound2(): return dict.__getitem__(d,"a")()
def f_super_out(): return super(D, d).__getitem__("a")()
def f_iter(): return next(iter(l))()
def f_items(): return [v() for k,v in d.items()]
def f_pop(): return D(a=one).pop("a")()
def f_map(): return list(map(lambda x:x(), l))
def f_star(): return (lambda g:g())(*l)
def f_kw(): return (lambda a:a())(**d)
def f_unpack():
    (g,)=l
    return g()
def f_match():
    match d:
        case {"a": g}: return g()
def f_rev(): return [x() for x in reversed(l)]
def f_sorted(): return sorted(l, key=one)[0]()
def f_slots(): return Sl().f()
class Sing(type):
    _i = {}
    def __call__(cls, *a, **k):
        if cls not in cls._i: cls._i[cls] = super().__call__(*a, **k)
        return cls._i[cls]
class Se(metaclass=Sing):
    def __init__(self): self.f = one
    def m(self): return two()
def f_sing(): return Se().f()
def f_sing2(): return Se().m() + Se().f()
def f_call(): return MM3.__call__().f()
class M4(type):
    def __call__(cls, *a): return type.__call__(cls, *a)
class MM4(metaclass=M4):
    def __init__(self, g): self.g = g
def f_mm4(): return MM4(one).g()
class M5(type):
    def __getattribute__(cls, n): return one
class MM5(metaclass=M5):
    f = two
def f_mm5(): return MM5.f()
class M6(type):
    def __setattr__(cls, n, v): super().__setattr__(n, v)
class MM6(metaclass=M6): pass
def f_mm6():
    MM6.z = one
    return MM6.z()
class M7(type):
    def __instancecheck__(cls, o): return bool(one())
    def __contains__(cls, o): return bool(one())
    def __iter__(cls): return iter([one])
    def __getitem__(cls, k): return one
    def __len__(cls): return one()
    def __or__(cls, o): return one()
    def __eq__(cls, o): return one()
    def __hash__(cls): return one()
    def __repr__(cls): return str(one())
    def __bool__(cls): return bool(one())
    def __subclasscheck__(cls, o): return bool(one())
    def __dir__(cls): return [str(one())]
    def __prepare__(*a, **k): return {}
class MM7(metaclass=M7): pass
def f_m7a(): return isinstance(3, MM7)
def f_m7b(): return 3 in MM7
def f_m7c(): return [x for x in MM7]
def f_m7d(): return MM7[3]()
def f_m7e(): return len(MM7)
def f_m7f(): return MM7 | 3
def f_m7g(): return MM7 == 3
def f_m7h(): return hash(MM7)
def f_m7i(): return f"{MM7}"
def f_m7j(): return 1 if MM7 else 2
def f_m7k(): return issubclass(int, MM7)
def f_m7l(): return dir(MM7)
def f_m7m(): return {MM7: 1}
def f_m7n(): return str(MM7)
def f_m7o():
    match 3:
        case MM7(): return 1
class IS:
    def __init_subclass__(cls, **k): one()
def f_is():
    class X(IS): pass
    return X
class CGI:
    def __class_getitem__(cls, k): return one
def f_cgi(): return CGI[int]()
class SN:
    def __set_name__(self, o, n): one()
def f_sn():
    class X: a = SN()
    return X
class Fmt:
    def __format__(self, s): return str(one())
fm = Fmt()
def f_fmt(): return f"{fm:3}"
def f_fmt2(): return "{:3}".format(fm)
def f_fmt3(): return format(fm, "3")
class Idx:
    def __index__(self): return one()
ix = Idx()
def f_idx(): return [1,2,3][ix]
def f_idx2(): return range(ix)
def f_idx3(): return "ab" * ix
def f_idx4(): return bytes(ix)
def f_idx5(): return hex(ix)
class Rnd:
    def __round__(self, n=None): return one()
    def __trunc__(self): return one()
    def __floor__(self): return one()
    def __abs__(self): return one()
    def __divmod__(self, o): return one()
    def __pow__(self, o, m=None): return one()
    def __neg__(self): return one()
    def __complex__(self): return complex(one())
    def __bytes__(self): return bytes(one())
    def __fspath__(self): return str(one())
    def __reversed__(self): return iter([one()])
    def __length_hint__(self): return one()
    def __copy__(self): return one()
    def __deepcopy__(self, m): return one()
    def __reduce__(self): return (one, ())
    def __sizeof__(self): return one()
    def __del__(self): pass
rn = Rnd()
import abc
import math, copy, pickle, os, operator, sys
def f_r1(): return round(rn)
def f_r2(): return math.trunc(rn)
def f_r3(): return math.floor(rn)
def f_r4(): return abs(rn)
def f_r5(): return divmod(rn, 2)
def f_r6(): return pow(rn, 2, 3)
def f_r7(): return rn ** 2
def f_r8(): return -rn
def f_r9(): return complex(rn)
def f_r10(): return bytes(rn)
def f_r11(): return os.fspath(rn)
def f_r12(): return os.path.join("a", rn)
def f_r13(): return list(reversed(rn))
def f_r14(): return operator.length_hint(rn)
def f_r15(): return copy.copy(rn)
def f_r16(): return copy.deepcopy(rn)
def f_r17(): return pickle.dumps(rn)
def f_r18(): return sys.getsizeof(rn)
def f_r20(): return operator.neg(rn)
class Hk(abc.ABC):
    @classmethod
    def __subclasshook__(cls, C): return one(C)
class Hk2(Hk): pass
def f_s1(): return isinstance(3, Hk)
def f_s2(): return issubclass(int, Hk)
def f_s3(): return isinstance("a", (int, Hk2))
