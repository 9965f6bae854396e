"""Functions that call `one`, or what their text names, by hooks of classes that they make."""
def one(*a): return 1
def two(*a): return 2
class M3(type):
    def __call__(cls, *a):
        o = super().__call__(*a); o.f = one; return o
class Base3(metaclass=M3): pass
class Prep(type):
    @classmethod
    def __prepare__(m, n, b): return {"x": one()}
class New(type):
    def __new__(m, n, b, d): 
        one(); return super().__new__(m, n, b, d)
class Ini(type):
    def __init__(c, n, b, d): 
        one(); super().__init__(n, b, d)
class AddF(type):
    def __new__(m, n, b, d):
        d["f"] = one
        return super().__new__(m, n, b, d)
class Reg:
    reg = []
    def __init_subclass__(cls, /, k=None, **kw): cls.reg.append(cls); (k or one)()
class SN:
    def __set_name__(self, o, n): o.f = one
def f_1():
    class X(metaclass=M3): pass
    return X().f()
def f_2():
    class X(Base3): pass
    return X().f()
def f_3():
    class X(metaclass=Prep): pass
    return X.x
def f_4():
    class X(metaclass=New): pass
    return X() and 1
def f_5():
    class X(metaclass=Ini): pass
    return X() and 1
def f_6():
    class X(metaclass=AddF): pass
    return X.f()
def f_7():
    "one"
    class X(Reg): pass
    return 1
def f_8():
    "two"
    class X(Reg, k=two): pass
    return 1
def f_9():
    class B:
        def __init_subclass__(cls): one()
    class X(B): pass
    return 1
def f_10():
    class X: a = SN()
    return X.f()
def f_11():
    class D:
        def __set_name__(self, o, n): one()
    class X: a = D()
    return 1
def f_12():
    class M(type):
        def __call__(cls): return one()
    class X(metaclass=M): pass
    return X()
def f_13():
    class M(type):
        def __getattr__(cls, n): return one
    class X(metaclass=M): pass
    return X.anything()
def f_14():
    class X:
        def __class_getitem__(cls, k): return one
    return X[int]()
def f_15():
    class X:
        def __getattribute__(self, n): return one
    return X().y()
def f_16():
    class X:
        def __init__(self): self.f = one
        def __getattribute__(self, n): return super().__getattribute__(n)
    return X().f()
def f_17():
    class X:
        def __getattr__(self, n): return one
    return X().y()
def f_18():
    class X:
        def __setattr__(self, n, v): object.__setattr__(self, n, v)
    x = X(); x.f = one
    return x.f()
def f_19():
    class X:
        def __call__(self): return one()
    return X()()
def f_20():
    class X:
        def __eq__(self, o): return one()
    return X() == 1
def f_21():
    class X:
        def __iter__(self): yield one
    return [g() for g in X()]
def f_22():
    class X:
        def __enter__(self): return one
        def __exit__(self, *a): two()
    with X() as g: return g()
def f_23():
    class X:
        @property
        def p(self): return one()
    return X().p
def f_24():
    class X:
        @classmethod
        def c(cls): return one()
        @staticmethod
        def s(): return two()
    return X.c() + X.s()
def f_25():
    class X:
        def __new__(cls, *a): one(); return object.__new__(cls)
    return X() and 1
def f_26():
    class D:
        def __get__(self, o, t): return one
        def __set__(self, o, v): two()
    class X: d = D()
    return X().d()
def f_27():
    "two"
    class D:
        def __get__(self, o, t): return one
        def __set__(self, o, v): two()
    class X: d = D()
    X().d = 3
    return 1
def f_28():
    class M(type):
        def __iter__(cls): yield one
    class X(metaclass=M): pass
    return [g() for g in X]
def f_29():
    class M(type):
        def __getitem__(cls, k): return one
    class X(metaclass=M): pass
    return X[3]()
def f_30():
    class M(type):
        def __instancecheck__(cls, o): return one()
    class X(metaclass=M): pass
    return isinstance(3, X)
def f_31():
    T = type("T", (), {"f": one})
    return T.f()
def f_32():
    T = type("T", (Reg,), {})
    return 1
def f_33():
    T = AddF("T", (), {})
    return T.f()
def f_34():
    T = M3("T", (), {})
    return T().f()
def f_35():
    import types
    T = types.new_class("T", (Reg,), {})
    return 1
def f_36():
    from dataclasses import dataclass, field
    @dataclass
    class X:
        a: int = field(default_factory=one)
        def __post_init__(self): two()
    return X().a
def f_37():
    from enum import Enum
    class E(Enum):
        A = 1
        def m(self): return one()
    return E.A.m()
def f_38():
    from typing import NamedTuple
    class N(NamedTuple):
        a: int
        def m(self): return one()
    return N(1).m()
def f_39():
    from abc import ABC, abstractmethod
    class A(ABC):
        @abstractmethod
        def m(self): ...
        def t(self): return self.m()
    class B(A):
        def m(self): return one()
    return B().t()
def f_40():
    from functools import singledispatch
    @singledispatch
    def g(x): return two()
    @g.register
    def _(x: int): return one()
    return g(3)
def f_41():
    import functools
    class X:
        @functools.cached_property
        def p(self): return one()
    return X().p
def f_42():
    import functools
    class X:
        @functools.lru_cache
        def p(self): return one()
    return X().p()
def f_43():
    class X:
        def __bool__(self): return bool(one())
    return 1 if X() else 2
def f_44():
    class X:
        def __hash__(self): return one()
    return {X(): 1}
def f_45():
    class X:
        def __str__(self): return str(one())
    return f"{X()}"
def f_46():
    class X:
        def __lt__(self, o): return one()
    return sorted([X(), X()])
def f_47():
    class X:
        def __contains__(self, o): return one()
    return 3 in X()
def f_48():
    class X:
        def __len__(self): return one()
    return len(X())
def f_49():
    class X:
        def __radd__(self, o): return one()
    return 3 + X()
def f_50():
    class X:
        def __iadd__(self, o): return one()
    x = X(); x += 1
    return x
def f_51():
    class X:
        def __delattr__(self, n): one()
    x = X()
    del x.a
    return 1
def f_52():
    class X:
        def __delitem__(self, n): one()
    x = X()
    del x[3]
    return 1
def f_53():
    class X:
        def __setitem__(self, n, v): one()
    x = X()
    x[3] = 1
    return 1
def f_54():
    class X:
        def __missing__(self, k): return one
    class Y(X, dict): pass
    return Y()[3]()
def f_55():
    class X:
        def __matmul__(self, o): return one()
        def __invert__(self): return two()
    return X() @ ~X()
def f_56():
    class X:
        def __getattr__(self, n): return one
    return getattr(X(), "q")() if hasattr(X(), "q") else 2
def f_57():
    class X:
        def __dir__(self): return [str(one())]
    return dir(X())
def f_58():
    class X:
        def __instancecheck__(self, o): return one()
    return isinstance(3, X())
def f_59():
    class X(list):
        def append(self, v): one(); super().append(v)
    x = X(); x.append(1)
    return x
def f_60():
    class X(dict):
        def __init__(self): super().__init__(f=one)
    return X()["f"]()
def f_61():
    class X(Exception):
        def __str__(self): return str(one())
    try: raise X
    except X as e: return str(e)
def f_62():
    def deco(c):
        c.f = one
        return c
    @deco
    class X: pass
    return X.f()
def f_63():
    class X:
        def m(self): return one()
    x = X()
    g = x.m
    return g()
def f_64():
    class X:
        f = one
    del X.f
    X.f = two
    return X.f()
f_64.__doc__="two"
def f_65():
    class X: pass
    X.__call__ = lambda s: one()
    return X()()
def f_66():
    class X:
        def __getattr__(self, n): return one
    x = X()
    return x.__class__().z()
def f_67():
    class X:
        def m(self): return one()
    return X.m(X())
def f_68():
    class X:
        def __init__(self, g): self.g = g
        def __call__(self): return self.g()
    return (lambda h: h())(X(one))
def f_69():
    class Outer:
        class Inner:
            def m(self): return one()
    return Outer.Inner().m()
def f_71():
    "one"
    class X:
        @property
        def p(self): return 1
        @p.setter
        def p(self, v): one()
    X().p = 3
    return 1
def f_72():
    class X:
        def __new__(cls): return object.__new__(cls)
        def __init__(self): self.f = one
    return X().f()
def f_73():
    class X:
        def __new__(cls):
            o = super().__new__(cls); o.f = one
            return o
    return X().f()
def f_74():
    class X:
        def __new__(cls): return one
    return X()()
def f_75():
    class B:
        def __new__(cls, g): 
            o = super().__new__(cls); o.g = g; return o
    class X(B): pass
    return X(one).g()
